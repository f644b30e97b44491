package prove

import "writ.dev/writ/compiler/diag"

// Rules are what a proof can find.
var Rules = []*diag.Rule{
	widerThanMeant, narrowerThanMeant, outsideSemantics, closesOthers, tooComplex, unreadable, pastAcceptance, idleAcceptance,
	opensOnTheWay, cutsOffOnTheWay,
}

var (
	widerThanMeant = &diag.Rule{
		Code: "PRV-001", Name: "wider-than-meant", Effect: diag.Stop,
		Title: "the manifests allow what no document means",
		Why:   "Every build reads its own manifests back, overlays and foreign files with them, and compares what they allow, over all requests, with the accesses. Whatever is allowed beyond those is a hole, whoever made it: the renderer, a patch, or a file that somebody put there.",
	}
	narrowerThanMeant = &diag.Rule{
		Code: "PRV-002", Name: "narrower-than-meant", Effect: diag.Stop,
		Title: "the manifests refuse what the documents mean to allow",
		Why:   "What is meant and refused is an outage that waits for the next sync.",
	}
	outsideSemantics = &diag.Rule{
		Code: "PRV-003", Name: "outside-semantics", Effect: diag.Stop,
		Title: "an object could change who may call whom in a way that the proof does not know",
		Why:   "An EnvoyFilter can take a policy out of a proxy, and a VirtualService can turn calls elsewhere. A proof that passed over them would prove nothing. The platform can accept such an object by its content, with a reason and an end.",
	}
	closesOthers = &diag.Rule{
		Code: "PRV-004", Name: "closes-undeclared-pods", Effect: diag.Report,
		Title: "a manifest closes pods that no document names and no floor covers",
		Why:   "What is not declared stays as it is until a floor closes it: a floor is switched on by name, never by the way.",
	}
	tooComplex = &diag.Rule{
		Code: "PRV-005", Name: "too-complex-to-prove", Effect: diag.Stop,
		Title: "the manifests are too complex to be proved",
		Why:   "Selectors of many different labels, or many wildcards in one policy, combine to more cases than can be compared. What cannot be compared is not written.",
	}
	unreadable = &diag.Rule{
		Code: "PRV-006", Name: "unreadable-manifest", Effect: diag.Stop,
		Title: "a manifest cannot be read as a cluster would read it",
		Why:   "Two readers of one text may see two policies. The proof reads strictly, and says nothing about what it cannot read.",
	}
	pastAcceptance = &diag.Rule{
		Code: "PRV-007", Name: "past-acceptance", Effect: diag.Report,
		Title: "an object is accepted past the end date",
		Why:   "Dates only report: the object stays accepted until somebody looks at it again, or takes it away.",
	}
	idleAcceptance = &diag.Rule{
		Code: "PRV-008", Name: "idle-acceptance", Effect: diag.Report,
		Title: "a Cluster accepts an object that it does not have, or that needs no acceptance",
		Why:   "It is a written permission that nobody needs, for an object that may come back.",
	}
	opensOnTheWay = &diag.Rule{
		Code: "PRV-009", Name: "opens-on-the-way", Effect: diag.Report, Level: diag.Error,
		Title: "between two revisions a cluster could allow what neither of them does",
		Why:   "Objects are applied one by one, and a sync can stop between any two of them. What is open then is open to everybody, for as long as it takes somebody to notice.",
	}
	cutsOffOnTheWay = &diag.Rule{
		Code: "PRV-010", Name: "cuts-off-on-the-way", Effect: diag.Report, Level: diag.Warning,
		Title: "between two revisions a cluster could refuse what both of them allow",
		Why:   "Objects are applied one by one, and a sync can stop between any two of them. Calls that nobody meant to end would be refused meanwhile.",
	}
)
