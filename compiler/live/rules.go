package live

import "writ.dev/writ/compiler/diag"

// Rules are what a cluster that runs can have against it.
var Rules = []*diag.Rule{
	meshOtherwise, withoutSidecar, pastSidecar, otherLabels, otherAccount, borrowedIdentity, serviceOtherwise, notInSync,
	proxyOtherwise, proxyUnread, proxyWithoutPod,
}

var (
	meshOtherwise = &diag.Rule{
		Code: "RUN-001", Name: "mesh-otherwise", Effect: diag.Stop,
		Title: "the mesh is configured otherwise than its documents say",
		Why:   "The trust domain, its aliases, the root namespace and the normalisation of paths decide what every policy means. A proof that knows them wrong proves another mesh.",
	}
	withoutSidecar = &diag.Rule{
		Code: "RUN-002", Name: "without-sidecar", Effect: diag.Stop,
		Title: "a pod of a Service runs without a sidecar",
		Why:   "Policies are enforced by the sidecar. A pod that has none refuses nobody, whatever lies in out/.",
	}
	pastSidecar = &diag.Rule{
		Code: "RUN-003", Name: "past-the-sidecar", Effect: diag.Stop,
		Title: "calls to a port of a Service go past the sidecar",
		Why:   "Traffic that is not captured arrives without a certificate and without anybody's decision: a pod can leave out ports by its annotations, and one in the network of its node leaves out all.",
	}
	otherLabels = &diag.Rule{
		Code: "RUN-004", Name: "other-labels", Effect: diag.Stop,
		Title: "a pod answers for a Service and has not the labels by which policies know it",
		Why:   "A policy holds for the pods that its selector picks. A pod that the Kubernetes Service sends calls to and that no policy picks lets everybody in, or nobody under a floor.",
	}
	otherAccount = &diag.Rule{
		Code: "RUN-005", Name: "other-account", Effect: diag.Stop,
		Title: "a pod of a Service runs with a service account that its document does not name",
		Why:   "The account is the identity. Whom the Service calls does not know the pod, and whoever admits that other account admits it.",
	}
	borrowedIdentity = &diag.Rule{
		Code: "RUN-006", Name: "borrowed-identity", Effect: diag.Stop,
		Title: "a pod that no document is about runs with the identity of a Service",
		Why:   "It is let in wherever the Service is, and nobody agreed to that.",
	}
	serviceOtherwise = &diag.Rule{
		Code: "RUN-007", Name: "service-otherwise", Effect: diag.Report, Level: diag.Error,
		Title: "a Kubernetes Service has other ports than its document says",
		Why:   "Policies name the container's port. Where the Service leads to another one, what was meant is refused, and what was not may be open.",
	}
	notInSync = &diag.Rule{
		Code: "RUN-008", Name: "not-in-sync", Effect: diag.Report,
		Title: "a cluster does not hold what the documents are rendered to",
		Why:   "Argo CD has not synced yet, could not, or somebody changed the cluster by hand. What that allows or refuses is told by the proof; this says where it comes from.",
	}
	proxyOtherwise = &diag.Rule{
		Code: "RUN-009", Name: "proxy-otherwise", Effect: diag.Stop,
		Title: "a proxy decides otherwise than the policies that its cluster has",
		Why:   "What is enforced is what the sidecar runs. One that istiod has not reached, or that refused what it was sent, goes on with older policies, or with none.",
	}
	proxyUnread = &diag.Rule{
		Code: "RUN-010", Name: "proxy-unread", Effect: diag.Stop,
		Title: "a proxy has something that decides and that writ has no meaning for",
		Why:   "A filter that somebody put in front of the policies can turn what they say around. What it does cannot be proved.",
	}
	proxyWithoutPod = &diag.Rule{
		Code: "RUN-011", Name: "proxy-without-pod", Effect: diag.Report,
		Title: "the dumps of proxies and the pods of a cluster are not the same ones",
		Why:   "A pod whose proxy nobody asked may run anything, and the proxy of a pod that is gone proves nothing.",
	}
)
