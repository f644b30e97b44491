package check

import "writ.dev/writ/compiler/diag"

// laterRules are the rules about personal data that wait for something to judge. They stand in the catalogue, so that whoever asks
// what is checked is told what is not.
var laterRules = []*diag.Rule{
	{
		Code: "PII-016", Name: "repurposed", Effect: diag.Withhold,
		Title: "personal data is used further for what it was not collected for, without an assessment",
		Why:   "Further processing is compatible with the purpose of collection, or has a ground of its own (GDPR Article 6(4)).",
		Later: "waits for grounds that an Activity gives for a part of its data; until then every Activity has one for all (PII-007), and purposes have to match (PII-014)",
	},
	{
		Code: "PII-029", Name: "card-data-out-of-scope", Effect: diag.Withhold,
		Title: "card data is processed outside the Services and Clusters that are assessed for it",
		Why:   "PCI DSS 4.0.1 asks for the flows of card data and a scope that has them all (1.2.4, 7 and 12.5.2).",
		Later: "waits for Services and Clusters that say that they are in that scope",
	},
	{
		Code: "PII-038", Name: "standing-access-of-people", Effect: diag.Withhold,
		Title: "a person or a debugging identity may always read special categories of data",
		Why:   "People read personal data on instruction and for a time (GDPR Articles 29 and 32(4)).",
		Later: "waits for callers that stand for people",
	},
	{
		Code: "PII-039", Name: "personal-data-without-floor", Effect: diag.Withhold,
		Title: "a Service keeps personal data in a namespace that refuses nothing by default",
		Why:   "By default personal data is accessible to nobody (GDPR Article 25(2)).",
		Later: "waits for floors that the Privacy document asks for; the Service's own policy refuses what nobody named already, where it enforces (PII-036)",
	},
	{
		Code: "PII-056", Name: "unprotected-egress", Effect: diag.Withhold,
		Title: "personal data leaves the mesh unencrypted, or to whoever answers",
		Why:   "Personal data is encrypted on its way (GDPR Article 32(1)(a)).",
		Later: "waits for Externals",
	},
	{
		Code: "PII-057", Name: "egress-past-the-gateway", Effect: diag.Withhold,
		Title: "personal data leaves the mesh past the egress gateway, or to a host that is not named exactly",
		Why:   "Who receives personal data is known by name (GDPR Articles 28 and 30(1)(d)).",
		Later: "waits for Externals",
	},
	{
		Code: "PII-061", Name: "partner-without-party", Effect: diag.Withhold,
		Title: "a partner calls an endpoint with personal data and is no known Party, or its tokens are not held to an issuer and an audience",
		Why:   "Recipients are known and bound (GDPR Articles 26, 28 and 32).",
		Later: "waits for Edges and Partners",
	},
	{
		Code: "PII-072", Name: "query-in-access-logs", Effect: diag.Report,
		Title: "access logs of a Service with personal data in its URLs keep the query",
		Why:   "Logs are read by many and kept for long (GDPR Article 5(1)(f)).",
		Later: "waits for Telemetry",
	},
	{
		Code: "PII-073", Name: "spans-tagged-with-headers", Effect: diag.Report, Level: diag.Error,
		Title: "spans are tagged with headers that name people",
		Why:   "Tracing needs no names (GDPR Article 5(1)(c)).",
		Later: "waits for Telemetry",
	},
	{
		Code: "PII-074", Name: "claims-forwarded", Effect: diag.Withhold,
		Title: "a proxy forwards claims about a person to a Service that does not declare them, or takes tokens from URLs",
		Why:   "A token's claims are personal data like any other (GDPR Articles 5(1)(c) and 32).",
		Later: "waits for RequestAuthentication, which comes with Edges",
	},
	{
		Code: "PII-075", Name: "mirrored-personal-data", Effect: diag.Withhold,
		Title: "requests with personal data are copied to another destination",
		Why:   "Whoever gets the copy is a recipient with a purpose (GDPR Articles 5(1)(b) and 30(1)(d)).",
		Later: "waits for VirtualServices; the proof refuses those that turn calls elsewhere",
	},
	{
		Code: "PII-076", Name: "canary-elsewhere", Effect: diag.Withhold,
		Title: "a canary with personal data runs in another region, under another identity or in a lower tier",
		Why:   "What tries out a change protects as well as what it replaces (GDPR Articles 32 and 44).",
		Later: "waits for VirtualServices",
	},
	{
		Code: "PII-078", Name: "trace-context-handed-out", Effect: diag.Report, Level: diag.Notice,
		Title: "the trace context goes to a processor outside",
		Why:   "Others need not learn which requests belong together (GDPR Article 5(1)(c)).",
		Later: "waits for Externals",
	},
	{
		Code: "PII-079", Name: "untagged-payload-reader", Effect: diag.Report,
		Title: "an extension of proxies sees payloads, and the Service behind it is not tagged",
		Why:   "Who sees personal data processes it (GDPR Articles 28 and 30).",
		Later: "waits for EnvoyFilters, WasmPlugins and external authorization",
	},
	{
		Code: "PII-082", Name: "consent-not-asked", Effect: diag.Report,
		Title: "an Activity that rests on consent does not call the Service that knows of it",
		Why:   "Consent can be withdrawn at any time (GDPR Articles 7(1), 7(3) and 21).",
		Later: "waits for a Privacy document that names the consent Service",
	},
	{
		Code: "PII-083", Name: "granted-and-unused", Effect: diag.Report, Level: diag.Notice,
		Title: "an access to personal data has not been used for long",
		Why:   "Access is limited to what is necessary (GDPR Articles 5(1)(c) and 25(2)).",
		Later: "waits for observed traffic",
	},
	{
		Code: "PII-084", Name: "observed-and-undeclared", Effect: diag.Report, Level: diag.Error,
		Title: "a caller of an endpoint with personal data was observed that no intent names",
		Why:   "Who answers for processing knows of it (GDPR Articles 5(2) and 32).",
		Later: "waits for observed traffic",
	},
	{
		Code: "PII-085", Name: "recipients-unlike-the-notice", Effect: diag.Report,
		Title: "the recipients are others than the published privacy notice says",
		Why:   "People are told who gets their data (GDPR Articles 13(1)(e) and 14(1)(e)).",
		Later: "waits for Activities that say what the notice has",
	},
}
