package query

import "writ.dev/writ/compiler/diag"

// What is found by judging Tests. Like all that is wrong with a Test it changes nothing that is rendered.
var (
	VacuousAssertion = &diag.Rule{
		Code: "TST-003", Name: "vacuous-assertion", Effect: diag.Report, Level: diag.Error,
		Title: "an assertion of a Test is about nobody, or about nothing",
		Why:   "Where the callee is in none of the clusters, or the caller's calls arrive in none of them, the assertion holds whatever the documents say, and its author believes that it guards something.",
	}
	TestFails = &diag.Rule{
		Code: "TST-004", Name: "test-fails", Effect: diag.Report, Level: diag.Error,
		Title: "an assertion of a Test does not hold",
		Why:   "A Test says what must stay so whatever else changes. It is judged for every request that its patterns match, in every cluster that it selects, on the accesses that are meant; with `enforced: true` on what the proxies really do.",
	}
	TestFailsElsewhere = &diag.Rule{
		Code: "TST-005", Name: "test-of-others-fails", Effect: diag.Report, Level: diag.Warning,
		Title: "a change makes another team's Test fail",
		Why:   "A team's Tests fail the changes of that team alone: whoever else may change what they rest on is told, and so is the team. Tests of the platform and of privacy fail every change.",
	}
)

// Rules are the rules that judging Tests applies.
var Rules = []*diag.Rule{VacuousAssertion, TestFails, TestFailsElsewhere}
