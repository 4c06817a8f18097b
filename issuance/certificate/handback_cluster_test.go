//go:build cluster

package certificate_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/takeover"
)

// TestWeLeaveWhatCertManagerLeaves: what we make of a Certificate is what
// cert-manager would have made, so that it can take over again: the same signing
// request, the same Secret, and nothing that it would not understand.
func TestWeLeaveWhatCertManagerLeaves(t *testing.T) {
	w := newWorld(t)
	p := w.predecessor()
	w.start()
	lives := map[string]*takeover.Life{}
	for _, v := range takeover.Variants() {
		lives[v.Name] = p.Begin(v)
	}
	for _, name := range slices.Sorted(maps.Keys(lives)) {
		t.Run(name, func(t *testing.T) {
			w, l := w.at(t), lives[name]
			l.Request = &certsv1.CertificateRequest{}
			w.until("a request is made", func() error { return w.get(l.Request, name+"-1") })
			if ref := l.Certificate.Spec.IssuerRef; ref.Kind != "" && ref.Kind != certsv1.IssuerKind {
				w.externally(l)
			}
			crt, s, leaf := w.ready(name, 1)
			must(t, w.get(l.Request, name+"-1"))
			key, err := certs.DecodeKey(s.Data["tls.key"])
			must(t, err)
			l.Certificate, l.Leaf, l.Key = crt, leaf, key

			csr, err := certs.DecodeCSR(l.Request.Spec.Request)
			must(t, err)
			if diff := cmp.Diff(outlineOf(l.SigningRequest()), outlineOf(csr)); diff != "" {
				t.Errorf("signing request (-want +got):\n%s", diff)
			}
			if got, want := l.Request.Annotations, (map[string]string{
				"example.com/owner": "me", "cert-manager.io/certificate-name": name, "cert-manager.io/certificate-revision": "1",
				"cert-manager.io/private-key-secret-name": l.Request.Annotations["cert-manager.io/private-key-secret-name"],
			}); !maps.Equal(got, want) {
				t.Errorf("annotations of the request (-want +got):\n%s", cmp.Diff(want, got))
			}
			maps.DeleteFunc(s.Annotations, func(key, _ string) bool { return strings.HasPrefix(key, "certwright.dev/") })
			labels, annotations := l.Description()
			if diff := cmp.Diff([]map[string]string{labels, annotations}, []map[string]string{s.Labels, s.Annotations}); diff != "" {
				t.Errorf("labels and annotations of the Secret (-want +got):\n%s", diff)
			}
			want := l.Content()
			if delete(want, "ca.crt"); l.Request.Status.CA != nil {
				want["ca.crt"] = l.Request.Status.CA
			}
			for key := range l.Further { // keystores: they have tests of their own
				delete(want, key)
				delete(s.Data, key)
			}
			if !maps.EqualFunc(want, s.Data, bytes.Equal) {
				t.Errorf("the Secret has %v, which is not all as it should be (want %v)", slices.Sorted(maps.Keys(s.Data)), slices.Sorted(maps.Keys(want)))
			}
			renewed := crt.Status.RenewalTime
			switch after := l.RenewedAfter; {
			case after < 0 && renewed != nil, after > 0 && (renewed == nil || renewed.Sub(leaf.NotBefore) != after):
				t.Errorf("renewed at %v, issued at %s", renewed, leaf.NotBefore)
			}
		})
	}
	w.quiet()
	w.understood()
}

// externally does for l's request what its issuer, which is not ours, would do.
func (w *world) externally(l *takeover.Life) {
	w.t.Helper()
	w.until("the request is left to its issuer", func() error {
		name := l.Name + "-1"
		if err := w.get(l.Request, name); err != nil {
			return err
		}
		key := &corev1.Secret{}
		if err := w.get(key, l.Request.Annotations[certsv1.PrivateKeySecretKey]); err != nil {
			return err
		}
		var err error
		if l.Key, err = certs.DecodeKey(key.Data["tls.key"]); err != nil {
			return err
		}
		leaf := l.Sign()
		l.Request.Status.Certificate = takeover.PEM(leaf)
		l.Request.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Ready", Status: "True", Reason: "Issued"}, metav1.Now())
		return w.client.Status().Update(w.t.Context(), l.Request)
	})
}

// An outline is what can be compared of two signing requests with the same key.
type outline struct {
	Subject    []byte
	Algorithm  string
	Extensions map[string]string
}

func outlineOf(r *x509.CertificateRequest) outline {
	o := outline{r.RawSubject, r.SignatureAlgorithm.String(), map[string]string{}}
	for _, e := range r.Extensions {
		o.Extensions[e.Id.String()] = fmt.Sprintf("critical %t: %x", e.Critical, e.Value)
	}
	return o
}

// Words of cert-manager's API.
var (
	knownKeys = []string{
		certsv1.CertificateNameKey, certsv1.CertificateRevisionKey, certsv1.PrivateKeySecretKey, certsv1.NextPrivateKeyKey, certsv1.SecretManagedKey,
		certsv1.IssuerNameKey, certsv1.IssuerKindKey, certsv1.IssuerGroupKey, certsv1.CommonNameKey, certsv1.AltNamesKey, certsv1.IPSANsKey,
		certsv1.URISANsKey, certsv1.EmailSANsKey, certsv1.OrganizationsKey, certsv1.OrganizationalUnitsKey, certsv1.CountriesKey,
		certsv1.ProvincesKey, certsv1.LocalitiesKey, certsv1.PostalCodesKey, certsv1.StreetAddressesKey, certsv1.SerialNumberKey,
	}
	// Keys that the fixtures ask us to set.
	askedFor = []string{"team", "app", "note", "example.com/note", "example.com/owner", certsv1.AllowDirectInjectionKey}
)

// understood checks that cert-manager would understand everything that was
// written under its names: no finalizer, no label or annotation that is not its
// own, the user's or under certwright.dev/, no condition or reason that is new.
// Fields that the CRDs do not know are dropped by the API server, and the CRDs
// have no field of ours.
func (w *world) understood() {
	w.t.Helper()
	for kind, list := range map[string]client.ObjectList{
		"Secret": &corev1.SecretList{}, "CertificateRequest": &certsv1.CertificateRequestList{}, "Certificate": &certsv1.CertificateList{},
	} {
		must(w.t, w.client.List(w.t.Context(), list, client.InNamespace(w.namespace)))
		for _, m := range metaOf(list) {
			if len(m.GetFinalizers()) > 0 {
				w.t.Errorf("%s %s has the finalizers %v", kind, m.GetName(), m.GetFinalizers())
			}
			for _, key := range ownedKeys(w.t, m) {
				if !slices.Contains(knownKeys, key) && !slices.Contains(askedFor, key) && !strings.HasPrefix(key, "certwright.dev/") {
					w.t.Errorf("%s %s has %q", kind, m.GetName(), key)
				}
			}
		}
		switch l := list.(type) {
		case *certsv1.CertificateList:
			for _, c := range l.Items {
				for _, cond := range c.Status.Conditions {
					w.knownCondition(c.Name, string(cond.Type), cond.Reason, map[string][]string{
						"Ready": {"Ready", "DoesNotExist", "MissingData", "InvalidKeyPair", "InvalidCertificate", "IncorrectIssuer", "IncorrectCertificate",
							"SecretMismatch", "InvalidCertificateRequest", "RequestChanged", "Expired", "WindowError"},
						"Issuing": nil, // whatever has led to it
					})
				}
			}
		case *certsv1.CertificateRequestList:
			for _, r := range l.Items {
				if n, err := strconv.Atoi(r.Annotations[certsv1.CertificateRevisionKey]); err != nil || n < 1 {
					w.t.Errorf("CertificateRequest %s has the revision %q", r.Name, r.Annotations[certsv1.CertificateRevisionKey])
				}
				for _, cond := range r.Status.Conditions {
					w.knownCondition(r.Name, string(cond.Type), cond.Reason, map[string][]string{
						"Ready": {"Pending", "Failed", "Issued", "Denied"}, "Approved": {"cert-manager.io", "Policy"}, "Denied": {"Policy"}, "InvalidRequest": nil,
					})
				}
			}
		}
	}
}

func (w *world) knownCondition(object, kind, reason string, known map[string][]string) {
	w.t.Helper()
	reasons, ok := known[kind]
	if !ok || (reasons != nil && !slices.Contains(reasons, reason)) {
		w.t.Errorf("%s has a condition %s with the reason %s", object, kind, reason)
	}
}

// ownedKeys are the labels and annotations of m that were written under a name
// of cert-manager.
func ownedKeys(t *testing.T, m metav1.Object) (keys []string) {
	t.Helper()
	for _, entry := range m.GetManagedFields() {
		if !strings.HasPrefix(entry.Manager, "cert-manager-") || entry.FieldsV1 == nil {
			continue
		}
		var fields struct {
			Metadata struct {
				Labels      map[string]any `json:"f:labels"`
				Annotations map[string]any `json:"f:annotations"`
			} `json:"f:metadata"`
		}
		must(t, json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields))
		for _, group := range []map[string]any{fields.Metadata.Labels, fields.Metadata.Annotations} {
			for key := range group {
				if name, ok := strings.CutPrefix(key, "f:"); ok {
					keys = append(keys, name)
				}
			}
		}
	}
	return keys
}

// TestHandedBackInFlight: cert-manager finds the key of a request that is under
// way where it looks for it.
func TestHandedBackInFlight(t *testing.T) {
	w := newWorld(t, func(w *world) { w.manual = true })
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	w.pending("web-1")
	w.quiet()
	w.stop()
	crt, req, key := w.certificate("web"), w.certificateRequest("web-1"), &corev1.Secret{}
	name := crt.Status.NextPrivateKeySecretName
	if name == nil || *name != req.Annotations[certsv1.PrivateKeySecretKey] {
		t.Fatalf("the status names the key %v, the request %s", name, req.Annotations[certsv1.PrivateKeySecretKey])
	}
	must(t, w.get(key, *name))
	stored, err := certs.DecodeKey(key.Data["tls.key"])
	must(t, err)
	csr, err := certs.DecodeCSR(req.Spec.Request)
	must(t, err)
	switch {
	case !certs.SamePublicKey(stored.Public(), csr.PublicKey):
		err = errors.New("another key than that of the request")
	case !bytes.Contains(key.Data["tls.key"], []byte("BEGIN PRIVATE KEY")):
		err = errors.New("not PKCS #8")
	case key.Labels["cert-manager.io/next-private-key"] != "true" || key.Labels["controller.cert-manager.io/fao"] != "true":
		err = fmt.Errorf("labels %v", key.Labels)
	case !metav1.IsControlledBy(key, crt) || !metav1.IsControlledBy(req, crt):
		err = errors.New("another owner")
	case len(key.Data) != 1 || key.Type != corev1.SecretTypeOpaque:
		err = fmt.Errorf("%d entries, type %s", len(key.Data), key.Type)
	}
	if err != nil {
		t.Error("the stored key: ", err)
	}
	w.understood()
}
