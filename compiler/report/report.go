// Package report makes of a checked estate what a privacy officer hands to an authority: records of processing, registers of access,
// transfers, recipients, approvals, declassifications and channels, a sheet for each kind of data subject, what is missing, and what
// changed since another revision; as CSV, a workbook, JSON and one page.
//
// A register keeps apart what documents declare, what manifests enforce and the proof confirms, and what was seen in a cluster,
// which writ does not collect. No cell is empty: what is required and not there says so.
package report

import (
	"slices"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
)

// Input is what a report is made of.
type Input struct {
	Checked  check.Checked
	Findings diag.List
	// AsOf is the day to judge dates by, as YYYY-MM-DD.
	AsOf string
	// Proved says that the manifests were read back and allow exactly what the documents mean.
	Proved bool
	// Policies are those of the manifests that let somebody in.
	Policies []Policy
	// Before is the report of the base revision, nil without one.
	Before *Report
}

// Policy is an object of the manifests that lets callers in.
type Policy struct {
	Path    string // from the repository's root
	Cluster string
	Object  string // namespace/name
	SHA256  string // of its file
	// Service is the one whose pods it guards, and Uses are the callers that it names with the endpoints.
	Service string
	Uses    []Use
	// Stale says that out/ does not hold the object as it is rendered.
	Stale bool
}

// Use is a caller of an endpoint, as annotations of manifests have it.
type Use struct {
	Caller, Endpoint string
	Platform         bool // let in by the platform
}

// Report is all registers, in the order in which people read them.
type Report struct {
	Organisation string // the controller's name, MISSING where nobody says
	AsOf         string
	Registers    []*Register

	shared map[string][]string // who received what of a data subject's, by subject and place
}

// Make makes the report.
func Make(in Input) *Report {
	f := gather(in)
	r := &Report{Organisation: f.organisation(), AsOf: in.AsOf}
	r.Registers = []*Register{
		f.findings(), f.accessRegister(), f.controllerRecord(), f.processorRecord(), f.inventory(), f.places(),
		f.transferRegister(), f.recipientRegister(), f.approvalRegister(), f.declassificationRegister(), f.channelRegister(),
	}
	sheets, shared := f.subjectSheets(in.Before)
	r.Registers, r.shared = append(r.Registers, sheets...), shared
	r.Registers = append([]*Register{gaps(r.Registers)}, r.Registers...)
	if in.Before != nil {
		r.Registers = append(r.Registers, changes(in.Before, r))
	}
	return r
}

// Register finds a register by its name, nil where the report has none.
func (r *Report) Register(name string) *Register {
	if i := slices.IndexFunc(r.Registers, func(t *Register) bool { return t.Name == name }); i >= 0 {
		return r.Registers[i]
	}
	return nil
}

// Count is how many rows a register has.
func (r *Report) Count(name string) int {
	if t := r.Register(name); t != nil {
		return len(t.Rows)
	}
	return 0
}
