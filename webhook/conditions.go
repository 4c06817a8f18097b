package webhook

import "strings"

// The match conditions (CEL) with which the API server finds out whether a
// write concerns us. Where one cannot be evaluated the write is refused, so
// every field is looked for before it is read; oldObject is null on create.

const isCreate = `request.operation == 'CREATE'`

const isStatus = `(has(request.subResource) && request.subResource == 'status')`

const specChanged = `!(has(object.spec) && has(oldObject.spec) && object.spec == oldObject.spec)`

// createdOrSpecChanged leaves out updates of labels, annotations and
// finalizers.
const createdOrSpecChanged = isCreate + ` || ` + specChanged

// orderConcerned is for updates of Orders and Challenges. The only status among
// them is that of Orders, which concerns us if something changes that may not.
var orderConcerned = isStatus + ` ? ` + orderRewritten + ` : ` + specChanged

// orderRewritten: something in the status of an Order is different that was
// set before. Authorizations of which only the URL is known may be completed.
var orderRewritten = `has(oldObject.status) && !(` + strings.Join([]string{
	keeps("url"), keeps("finalizeURL"), keeps("certificate"),
	`(!has(oldObject.status.authorizations) || oldObject.status.authorizations.size() == 0 || (has(object.status) && has(object.status.authorizations) && (` +
		`object.status.authorizations == oldObject.status.authorizations || (` +
		`oldObject.status.authorizations.all(a, !has(a.identifier) && !has(a.wildcard) && !has(a.initialState) && !has(a.challenges)) && ` +
		`object.status.authorizations.map(a, a.url) == oldObject.status.authorizations.map(a, a.url)))))`,
}, ` && `) + `)`

// keeps: a field of the status is what it was, if it was set.
func keeps(name string) string {
	field := "oldObject.status." + name
	return `(!has(` + field + `) || ` + field + ` == '' || (has(object.status) && has(object.status.` + name + `) && object.status.` + name + ` == ` + field + `))`
}

// identityConcerned is for CertificateRequests. A create of which the API
// server itself can see that it names its creator is not sent to us a second
// time; any other is, and is refused.
var identityConcerned = isCreate + ` ? (` + misnamed + `) : (` + isStatus + ` ? (` + approvalChanged + `) : (` + specChanged + ` || ` + annotationsChanged + `))`

var misnamed = strings.Join([]string{
	differs("username", `''`), differs("uid", `''`), differs("groups", `[]`), differs("extra", `{}`),
}, ` || `)

// differs: a field of the spec is not what the user's is.
func differs(name, empty string) string {
	return `(has(object.spec) && has(object.spec.` + name + `) ? object.spec.` + name + ` : ` + empty + `) != ` +
		`(has(request.userInfo.` + name + `) ? request.userInfo.` + name + ` : ` + empty + `)`
}

var approvalChanged = approvals("object") + ` != ` + approvals("oldObject")

func approvals(object string) string {
	return `(has(` + object + `.status) && has(` + object + `.status.conditions) ? ` +
		object + `.status.conditions.filter(c, c.type in ['Approved', 'Denied']) : [])`
}

// annotationsChanged: an annotation of ours was added, removed or changed.
var annotationsChanged = func() string {
	const ours = `(k.startsWith('cert-manager.io') || k.startsWith('acme.cert-manager.io'))`
	now, before := annotations("object"), annotations("oldObject")
	return `!(` + now + `.all(k, !` + ours + ` || (k in ` + before + ` && ` + before + `[k] == ` + now + `[k])) && ` +
		before + `.all(k, !` + ours + ` || k in ` + now + `))`
}()

func annotations(object string) string {
	return `(has(` + object + `.metadata.annotations) ? ` + object + `.metadata.annotations : {})`
}

// advisable: an Ingress has an annotation that is ours, or was meant to be, and
// is new or has changed. What changes nothing for us is mostly its status, which
// is not asked about at all.
var advisable = annotations("object") + `.exists(k, k.startsWith('cert-manager.io/') || k.startsWith('acme.cert-manager.io/') || ` +
	`k.startsWith('certmanager.k8s.io/') || k.startsWith('certwright.dev/') || k == 'kubernetes.io/tls-acme') && (` +
	isCreate + ` || ` + specChanged + ` || ` + annotations("object") + ` != ` + annotations("oldObject") + `)`
