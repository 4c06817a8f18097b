package takeover

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Manager is the field manager of target Secrets.
const Manager = "cert-manager-certificates-issuing"

// Further field managers of cert-manager.
const (
	managerTrigger   = "cert-manager-certificates-trigger"
	managerReadiness = "cert-manager-certificates-readiness"
	managerKeys      = "cert-manager-certificates-key-manager"
	managerRequests  = "cert-manager-certificates-request-manager"
	managerApprover  = "cert-manager-certificaterequests-approver"
	managerCA        = "cert-manager-certificaterequests-issuer-ca"
	managerIssuers   = "cert-manager-issuers"
)

// PasswordSecret holds the password of keystores.
const PasswordSecret = "keystore-password"

// A Predecessor writes as cert-manager does, into one namespace.
type Predecessor struct {
	testing.TB
	Client    client.Client
	Namespace string
	// Now is when what it leaves was made.
	Now time.Time
	CA  Authority
}

// Issuers leaves the Issuers "ca" and "self", ready, and what they need.
func (p *Predecessor) Issuers() {
	p.Helper()
	for name, data := range map[string]map[string][]byte{
		"ca-key":       {"tls.crt": PEM(p.CA.Certificate), "tls.key": keyPEM(p, p.CA.Key, certsv1.PKCS8)},
		PasswordSecret: {"password": []byte("changeit")},
	} {
		p.do(p.Client.Create(p.Context(), &corev1.Secret{ObjectMeta: p.meta(name), Data: data}))
	}
	for name, spec := range map[string]certsv1.IssuerSpec{
		"ca":   {CA: &certsv1.CAIssuer{SecretName: "ca-key"}},
		"self": {SelfSigned: &certsv1.SelfSignedIssuer{}},
	} {
		i := &certsv1.Issuer{ObjectMeta: p.meta(name), Spec: spec}
		p.do(p.Client.Create(p.Context(), i))
		ready := certsv1.IssuerCondition{Type: certsv1.IssuerConditionReady, Status: cmmeta.ConditionTrue, Reason: "KeyPairVerified",
			Message: "Signing CA verified", ObservedGeneration: 1, LastTransitionTime: p.at(0)}
		if spec.SelfSigned != nil {
			ready.Reason, ready.Message = "IsReady", ""
		}
		i.Status.Conditions = []certsv1.IssuerCondition{ready}
		p.do(p.Client.Status().Update(p.Context(), i, client.FieldOwner(managerIssuers)))
	}
}

func (p *Predecessor) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: p.Namespace, Name: name}
}

func (p *Predecessor) at(after time.Duration) *metav1.Time {
	t := metav1.NewTime(p.Now.Add(after).Truncate(time.Second))
	return &t
}

func (p *Predecessor) do(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// A Life is one Certificate and what belongs to it.
type Life struct {
	*Predecessor
	Variant
	Certificate *certsv1.Certificate
	Key         crypto.Signer
	Request     *certsv1.CertificateRequest
	Leaf        *x509.Certificate
}

// Begin leaves the Certificate of v and nothing else.
func (p *Predecessor) Begin(v Variant) *Life {
	p.Helper()
	spec := v.spec()
	c := &certsv1.Certificate{ObjectMeta: p.meta(v.Name), Spec: spec}
	c.Labels = map[string]string{"app": v.Name}
	c.Annotations = map[string]string{"example.com/owner": "me", corev1.LastAppliedConfigAnnotation: "{}"}
	p.do(p.Client.Create(p.Context(), c, client.FieldOwner("kubectl-client-side-apply")))
	return &Life{Predecessor: p, Variant: v, Certificate: c, Key: newKey(p, spec.PrivateKey)}
}

// Settled leaves a Certificate with which all is well.
func (p *Predecessor) Settled(v Variant) *Life {
	p.Helper()
	l := p.Begin(v)
	l.Ask(1)
	l.Approve()
	l.Issue()
	l.Store()
	l.Ready(1)
	return l
}

// owner is the reference to the Certificate on its requests and keys.
func (l *Life) owner() []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{
		APIVersion: "cert-manager.io/v1", Kind: "Certificate", Name: l.Certificate.Name, UID: l.Certificate.UID, Controller: &yes, BlockOwnerDeletion: &yes,
	}}
}

// keySecret is the name of the Secret with the next private key, with a random
// end.
func (l *Life) keySecret() string { return l.Name + "-x7k2q" }

// Trigger says that an issuance is under way.
func (l *Life) Trigger(reason string) {
	l.Helper()
	l.condition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: reason, Message: "Issuing certificate"})
	l.report(managerTrigger)
}

func (l *Life) condition(c certsv1.CertificateCondition) {
	c.ObservedGeneration, c.LastTransitionTime = l.Certificate.Generation, l.at(0)
	for i, old := range l.Certificate.Status.Conditions {
		if old.Type == c.Type {
			l.Certificate.Status.Conditions[i] = c
			return
		}
	}
	l.Certificate.Status.Conditions = append(l.Certificate.Status.Conditions, c)
}

// report writes the status.
func (l *Life) report(manager string) {
	l.Helper()
	l.do(l.Client.Status().Update(l.Context(), l.Certificate, client.FieldOwner(manager)))
}

// NotReady says why the Certificate is not ready.
func (l *Life) NotReady(reason, message string) {
	l.Helper()
	l.condition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: reason, Message: message})
	l.report(managerReadiness)
}

// StoreKey leaves the next private key in its Secret.
func (l *Life) StoreKey() *corev1.Secret {
	l.Helper()
	s := l.ExtraKey(l.keySecret(), l.Key)
	name := l.keySecret()
	l.Certificate.Status.NextPrivateKeySecretName = &name
	l.report(managerKeys)
	return s
}

// ExtraKey leaves a next private key in a Secret of that name.
func (l *Life) ExtraKey(name string, key crypto.Signer) *corev1.Secret {
	l.Helper()
	s := &corev1.Secret{ObjectMeta: l.meta(name), Data: map[string][]byte{"tls.key": keyPEM(l.TB, key, certsv1.PKCS8)}}
	s.Labels = map[string]string{"cert-manager.io/next-private-key": "true", "controller.cert-manager.io/fao": "true"}
	s.OwnerReferences = l.owner()
	l.do(l.Client.Create(l.Context(), s, client.FieldOwner(managerKeys)))
	return s
}

// Ask leaves the request of a revision, made with the present key.
func (l *Life) Ask(revision int) { l.AskAs(fmt.Sprintf("%s-%d", l.Name, revision), revision) }

// AskAs is Ask for a request of another name, as old versions chose them.
func (l *Life) AskAs(name string, revision int) {
	l.Helper()
	spec := &l.Certificate.Spec
	r := &certsv1.CertificateRequest{ObjectMeta: l.meta(name)}
	r.OwnerReferences = l.owner()
	r.Labels = maps.Clone(l.Certificate.Labels)
	r.Annotations = map[string]string{
		"example.com/owner":                       "me",
		"cert-manager.io/certificate-name":        l.Name,
		"cert-manager.io/certificate-revision":    strconv.Itoa(revision),
		"cert-manager.io/private-key-secret-name": l.keySecret(),
	}
	r.Spec = certsv1.CertificateRequestSpec{
		Request: l.signingRequest(l.TB, spec, l.Key), IssuerRef: spec.IssuerRef, Duration: spec.Duration, IsCA: spec.IsCA, Usages: spec.Usages,
		Username: "system:serviceaccount:cert-manager:cert-manager", UID: "5b1c", Groups: []string{"system:serviceaccounts", "system:authenticated"},
	}
	l.do(l.Client.Create(l.Context(), r, client.FieldOwner(managerRequests)))
	l.Request = r
}

// Answer leaves a condition on the request.
func (l *Life) Answer(kind certsv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason, message string) {
	l.Helper()
	l.Request.Status.SetCondition(certsv1.CertificateRequestCondition{Type: kind, Status: status, Reason: reason, Message: message}, *l.at(0))
	manager := managerCA
	if kind == certsv1.CertificateRequestConditionApproved || kind == certsv1.CertificateRequestConditionDenied {
		manager = managerApprover
	}
	if reason == certsv1.CertificateRequestReasonFailed || reason == certsv1.CertificateRequestReasonDenied {
		l.Request.Status.FailureTime = l.at(time.Second)
	}
	l.do(l.Client.Status().Update(l.Context(), l.Request, client.FieldOwner(manager)))
}

// Approve approves the request.
func (l *Life) Approve() {
	l.Helper()
	l.Answer(certsv1.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "cert-manager.io", "Certificate request has been approved by cert-manager.io")
}

// Sign returns a certificate for the present key.
func (l *Life) Sign() *x509.Certificate {
	l.Helper()
	return l.issue(l.TB, &l.Certificate.Spec, l.Key.Public(), l.CA, l.Now)
}

// Issue signs the request.
func (l *Life) Issue() {
	l.Helper()
	l.Leaf = l.Sign()
	l.Request.Status.Certificate, l.Request.Status.CA = PEM(l.Leaf), PEM(l.CA.Certificate)
	l.Answer(certsv1.CertificateRequestConditionReady, cmmeta.ConditionTrue, "Issued", "Certificate fetched from issuer successfully")
}

// Pend says that the issuer is at work.
func (l *Life) Pend() {
	l.Helper()
	l.Answer(certsv1.CertificateRequestConditionReady, cmmeta.ConditionFalse, "Pending", "Waiting for the issuer")
}

// Fail refuses the request.
func (l *Life) Fail() {
	l.Helper()
	l.Answer(certsv1.CertificateRequestConditionReady, cmmeta.ConditionFalse, "Failed", "Error signing certificate: no")
}

// Deny denies the request, and says so as its issuer does.
func (l *Life) Deny() {
	l.Helper()
	l.Answer(certsv1.CertificateRequestConditionDenied, cmmeta.ConditionTrue, "Policy", "not by this policy")
	l.Answer(certsv1.CertificateRequestConditionReady, cmmeta.ConditionFalse, "Denied", "The CertificateRequest was denied by an approval controller")
}

// BackOff counts a number of failures, the last of them just now.
func (l *Life) BackOff(failures int, reason, message string) {
	l.Helper()
	st := &l.Certificate.Status
	// Not before the request: the API server has dated that itself.
	last := metav1.NewTime(l.Request.CreationTimestamp.Add(time.Second))
	st.FailedIssuanceAttempts, st.LastFailureTime, st.NextPrivateKeySecretName = &failures, &last, nil
	l.condition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Reason: reason,
		Message: "The certificate request has failed to complete and will be retried: " + message})
	l.report(Manager)
}

// SigningRequest is what the present key asks with.
func (l *Life) SigningRequest() *x509.CertificateRequest {
	l.Helper()
	block, _ := pem.Decode(l.signingRequest(l.TB, &l.Certificate.Spec, l.Key))
	return must(x509.ParseCertificateRequest(block.Bytes))(l.TB)
}

// Content is the target Secret's data.
func (l *Life) Content() map[string][]byte {
	l.Helper()
	encoding := certsv1.PKCS1
	if p := l.Certificate.Spec.PrivateKey; p != nil && p.Encoding != "" {
		encoding = p.Encoding
	}
	encoded := keyPEM(l.TB, l.Key, encoding)
	data := map[string][]byte{"tls.crt": PEM(l.Leaf), "tls.key": encoded, "ca.crt": PEM(l.CA.Certificate)}
	for _, f := range l.Certificate.Spec.AdditionalOutputFormats {
		switch f.Type {
		case certsv1.CertificateOutputFormatDER:
			block, _ := pem.Decode(encoded)
			data["key.der"] = block.Bytes
		case certsv1.CertificateOutputFormatCombinedPEM:
			data["tls-combined.pem"] = append(append(encoded[:len(encoded):len(encoded)], '\n'), data["tls.crt"]...)
		}
	}
	maps.Copy(data, l.Further)
	return data
}

// Description are the target Secret's labels and annotations.
func (l *Life) Description() (labels, annotations map[string]string) {
	l.Helper()
	labels, annotations = map[string]string{}, map[string]string{}
	if t := l.Certificate.Spec.SecretTemplate; t != nil {
		maps.Copy(labels, t.Labels)
		maps.Copy(annotations, t.Annotations)
	}
	labels["controller.cert-manager.io/fao"] = "true"
	var ips, uris []string
	for _, ip := range l.Leaf.IPAddresses {
		ips = append(ips, ip.String())
	}
	for _, u := range l.Leaf.URIs {
		uris = append(uris, u.String())
	}
	ref := l.Request.Spec.IssuerRef
	maps.Copy(annotations, map[string]string{
		"cert-manager.io/certificate-name": l.Name,
		"cert-manager.io/issuer-name":      ref.Name,
		"cert-manager.io/issuer-kind":      ref.Kind,
		"cert-manager.io/issuer-group":     ref.Group,
		"cert-manager.io/common-name":      l.Leaf.Subject.CommonName,
		"cert-manager.io/alt-names":        record(l.TB, l.Leaf.DNSNames),
		"cert-manager.io/ip-sans":          record(l.TB, ips),
		"cert-manager.io/uri-sans":         record(l.TB, uris),
	})
	for key, values := range map[string][]string{
		"email-sans": l.Leaf.EmailAddresses, "subject-organizations": l.Leaf.Subject.Organization,
		"subject-organizationalunits": l.Leaf.Subject.OrganizationalUnit, "subject-countries": l.Leaf.Subject.Country,
		"subject-provinces": l.Leaf.Subject.Province, "subject-localities": l.Leaf.Subject.Locality,
		"subject-postalcodes": l.Leaf.Subject.PostalCode, "subject-streetaddresses": l.Leaf.Subject.StreetAddress,
	} {
		if len(values) > 0 {
			annotations["cert-manager.io/"+key] = record(l.TB, values)
		}
	}
	if n := l.Leaf.Subject.SerialNumber; n != "" {
		annotations["cert-manager.io/subject-serialnumber"] = n
	}
	return labels, annotations
}

// Store leaves the answer in the target Secret, by Apply.
func (l *Life) Store() {
	l.Helper()
	labels, annotations := l.Description()
	secret := corev1ac.Secret(l.Certificate.Spec.SecretName, l.Namespace).
		WithLabels(labels).WithAnnotations(annotations).WithData(l.Content()).WithType(corev1.SecretTypeTLS)
	l.do(l.Client.Apply(l.Context(), secret, client.FieldOwner(Manager), client.ForceOwnership))
}

// StoreAs is Store by Update: as an old version did, or, under another name, as
// a backup does. With change the Secret is what it makes of it.
func (l *Life) StoreAs(manager string, change func(*corev1.Secret)) {
	l.Helper()
	s := &corev1.Secret{ObjectMeta: l.meta(l.Certificate.Spec.SecretName), Type: corev1.SecretTypeTLS, Data: l.Content()}
	s.Labels, s.Annotations = l.Description()
	if change != nil {
		change(s)
	}
	l.do(l.Client.Create(l.Context(), s, client.FieldOwner(manager)))
}

// Ready says that all is well at a revision.
func (l *Life) Ready(revision int) {
	l.Helper()
	l.settle(revision)
	l.report(managerReadiness)
}

// ReadyWithoutGeneration is Ready(1) as versions said it that did not note the
// generation.
func (l *Life) ReadyWithoutGeneration() {
	l.Helper()
	l.settle(1)
	l.Certificate.Status.Conditions[0].ObservedGeneration = 0
	l.report(managerReadiness)
}

// Issued says that the last issuance has succeeded, as versions do that do not
// take the condition away.
func (l *Life) Issued() {
	l.Helper()
	l.condition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Reason: "Issued",
		Message: "The certificate has been successfully issued"})
	l.report(Manager)
}

func (l *Life) settle(revision int) {
	st := &l.Certificate.Status
	lifetime := l.Leaf.NotAfter.Sub(l.Leaf.NotBefore)
	renewed := l.RenewedAfter
	if renewed == 0 {
		renewed = lifetime - lifetime/3
	}
	st.Revision, st.NotBefore, st.NotAfter = &revision, l.at(0), l.at(lifetime)
	if renewed > 0 {
		st.RenewalTime = l.at(renewed)
	}
	l.condition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready",
		Message: "Certificate is up to date and has not expired"})
}
