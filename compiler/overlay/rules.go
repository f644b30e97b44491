package overlay

import "writ.dev/writ/compiler/diag"

// Rules is what Apply finds, besides what every file of YAML can have wrong. All but one stop: manifests without a patch that
// somebody counts on may be wider than those with it.
var Rules = []*diag.Rule{
	strayOverlay, unsupported, notInFolder, selectsNothing, cannotApply, changesIdentity, cannotAdd, collides, unused,
}

var (
	strayOverlay = &diag.Rule{
		Code: "OVL-001", Name: "stray-overlay", Effect: diag.Stop,
		Title: "an overlay is no Cluster's, or a Cluster's second one",
		Why:   "The folder above an overlay names its Cluster. One that no Cluster has would change nothing, and its author believes that it does.",
	}
	unsupported = &diag.Rule{
		Code: "OVL-002", Name: "overlay-field", Effect: diag.Stop,
		Title: "a kustomization has a field that writ does not apply, or lacks one that it needs",
		Why:   "An overlay patches and adds objects. Whatever fetches, generates or runs something would make the output depend on more than the repository.",
	}
	notInFolder = &diag.Rule{
		Code: "OVL-003", Name: "overlay-file", Effect: diag.Stop,
		Title: "a kustomization names what is no file of its folder",
		Why:   "An overlay reads its own folder alone, so that the owner of the folder is the owner of all that it does, and nothing is ever fetched.",
	}
	selectsNothing = &diag.Rule{
		Code: "OVL-004", Name: "patch-selects-nothing", Effect: diag.Stop,
		Title: "a patch selects no object",
		Why:   "The object is gone or its name is misspelt: what the patch was there for does not happen.",
	}
	cannotApply = &diag.Rule{
		Code: "OVL-005", Name: "patch-fails", Effect: diag.Stop,
		Title: "a patch cannot be read or applied",
		Why:   "It is neither a strategic merge patch (https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/) nor a JSON patch (RFC 6902), or it does not fit the object that it selects.",
	}
	changesIdentity = &diag.Rule{
		Code: "OVL-006", Name: "patch-changes-identity", Effect: diag.Stop,
		Title: "an overlay changes an object's kind, name, namespace or what writ keeps in it, or removes the object",
		Why:   "The file's path, Argo CD and the way back to the documents go by them. What must not be rendered is said in the documents.",
	}
	cannotAdd = &diag.Rule{
		Code: "OVL-007", Name: "object-cannot-be-added", Effect: diag.Stop,
		Title: "an overlay's object is of a kind that writ does not add, or has no proper name and namespace",
		Why:   "Only what Istio's validation can judge goes to a cluster, and each object has one file in the folder of its namespace.",
	}
	collides = &diag.Rule{
		Code: "OVL-008", Name: "object-exists", Effect: diag.Stop,
		Title: "an overlay adds an object that is there already",
		Why:   "Two files for one object would take turns in the cluster.",
	}
	unused = &diag.Rule{
		Code: "OVL-009", Name: "unused-overlay-file", Effect: diag.Report,
		Title: "nothing names a file of an overlay",
		Why:   "It changes nothing, and its author may believe that it does.",
	}
)
