package certificate

import (
	"bytes"
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

// TestDefaultingChangesNothing: whether admission has filled in a Certificate
// or not, the same is asked for, what was made for the one fits the other, and
// Decide does the same with both, however far the Certificate has come.
func TestDefaultingChangesNothing(t *testing.T) {
	t.Parallel()
	const runs = 500
	ring := keyring{}
	filledIn, reached := 0, map[string]int{}
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 3))
		raw := anyCertificate(r)
		bare, full := decoded(raw), decoded(examples.FilledIn(raw))
		if errs := validate.CertificateNew(bare); len(errs) > 0 {
			t.Fatalf("seed %d: %s is refused, which proves nothing: %v", seed, raw, errs)
		}
		if !reflect.DeepEqual(bare, full) {
			filledIn++
		}
		p := pair{bare: bare, full: full, key: ring.key(bare)}
		name := slices.Sorted(maps.Keys(situations))[r.IntN(len(situations))]
		reached[name]++
		if problem := p.differs(name, Signer(r.IntN(2))); problem != "" {
			t.Fatalf("seed %d: %s, once filled in: %s", seed, raw, problem)
		}
	}
	if filledIn < runs/2 || len(reached) < len(situations) {
		t.Errorf("only %d of %d were filled in, in the situations %v: this proves nothing", filledIn, runs, reached)
	}
}

// anyCertificate is a Certificate that admission accepts, as JSON, in which
// each part is there or not, null, or written out although it is the default.
func anyCertificate(r *rand.Rand) []byte {
	spec := map[string]any{"secretName": "web-tls"}
	some := func(name string, values ...any) {
		if r.IntN(2) == 0 {
			spec[name] = values[r.IntN(len(values))]
		}
	}
	of := func(list ...any) any { return list[r.IntN(len(list))] }
	absent := func(m map[string]any) map[string]any {
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == "-" })
		return m
	}

	spec["issuerRef"] = of(
		absent(map[string]any{"name": "ca", "kind": of("-", nil, "", "Issuer", "ClusterIssuer"), "group": of("-", nil, "", "cert-manager.io")}),
		absent(map[string]any{"name": "ca", "kind": of("-", nil, "", "StepIssuer", "Issuer"), "group": "certmanager.step.sm"}),
	)
	some("dnsNames", []any{"a.example", "*.b.example"}, []any{"A.example."})
	some("ipAddresses", []any{"10.0.0.1", "2001:DB8::0:1"}, nil)
	some("uris", []any{"spiffe://a/b", "HTTPS://a.example/%7e"}, []any{})
	some("emailAddresses", []any{"ops@example.com"})
	some("otherNames", []any{map[string]any{"oid": "1.3.6.1.4.1.311.20.2.03", "utf8Value": "u@x"}})
	if r.IntN(3) == 0 {
		spec["literalSubject"] = of("CN=svc,OU=b+O=a,DC=example", "O=Example,CN=svc")
	} else {
		spec["commonName"] = "svc"
		some("subject", map[string]any{}, nil, map[string]any{"organizations": []any{"A", "B, C"}, "serialNumber": "1"})
	}
	some("duration", "24h", "2160h", "2160h0m0s", nil)
	if r.IntN(2) == 0 {
		some("renewBefore", "1h", "8h0m0s")
	} else {
		some("renewBeforePercentage", 20, 90)
	}
	some("renewal", nil, map[string]any{"policy": "Disabled"}, map[string]any{"policy": "RenewBefore"},
		map[string]any{"policy": "RenewBefore", "windows": []any{map[string]any{"cron": "0 2 * * *", "windowDuration": "1h", "timezone": "Europe/Paris"}}})
	some("usages", []any{}, nil, []any{"digital signature", "key encipherment"}, []any{"server auth"}, []any{"server auth", "client auth", "key agreement"})
	if r.IntN(4) == 0 {
		spec["isCA"] = true
		some("nameConstraints", map[string]any{"critical": true, "permitted": map[string]any{"dnsDomains": []any{"example"}, "ipRanges": []any{"10.0.0.1/8"}}})
	}
	some("privateKey", nil, map[string]any{},
		absent(map[string]any{"algorithm": of("-", nil, "RSA"), "size": of("-", nil, 0, -1, 2048), "encoding": of("-", nil, "PKCS1", "PKCS8"), "rotationPolicy": of("-", nil, "Always", "Never")}),
		absent(map[string]any{"algorithm": "ECDSA", "size": of("-", 256, 384), "encoding": of("-", "PKCS8"), "rotationPolicy": of("-", nil, "Never")}),
		absent(map[string]any{"algorithm": "Ed25519", "size": of("-", 99), "encoding": of("-", "PKCS1")}))
	some("encodeUsagesInRequest", true, false, nil)
	some("revisionHistoryLimit", 1, 3, nil)
	some("additionalOutputFormats", []any{}, []any{map[string]any{"type": "DER"}, map[string]any{"type": "CombinedPEM"}})
	some("secretTemplate", map[string]any{}, map[string]any{"labels": map[string]any{"a": "b"}, "annotations": map[string]any{"a.example/b": "c"}})
	some("keystores", map[string]any{"jks": map[string]any{"create": false, "passwordSecretRef": map[string]any{"name": "p"}}})

	object, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": "web"}, "spec": spec})
	check(err)
	return object
}

// decoded is that Certificate as crt is it.
func decoded(raw []byte) *certsv1.Certificate {
	var read certsv1.Certificate
	check(json.Unmarshal(raw, &read))
	c := crt()
	c.Spec = read.Spec
	return c
}

// A keyring holds one key of each kind, as making them takes long.
type keyring map[string]crypto.Signer

func (k keyring) key(c *certsv1.Certificate) crypto.Signer {
	kind := keyString(certs.KeyParameters(c.Spec.PrivateKey))
	if k[kind] == nil {
		key, err := certs.GenerateKey(c.Spec.PrivateKey)
		check(err)
		k[kind] = key
	}
	return k[kind]
}

// A pair is one Certificate without and with what admission fills in.
type pair struct {
	bare, full *certsv1.Certificate
	key        crypto.Signer
}

// differs says what is not the same about the two, "" if nothing is.
func (p pair) differs(situation string, signer Signer) string {
	made := map[string]material{"bare": p.issue(p.bare), "full": p.issue(p.full)}
	specs := map[string]*certsv1.Certificate{"bare": p.bare, "full": p.full}

	a, b := NewRequest(newRequest(p.bare, 1, "k", made["bare"].csr, nil)), NewRequest(newRequest(p.full, 1, "k", made["full"].csr, nil))
	if !bytes.Equal(a.CSR.RawTBSCertificateRequest, b.CSR.RawTBSCertificateRequest) || a.CSR.SignatureAlgorithm != b.CSR.SignatureAlgorithm {
		return "another signing request"
	}
	if !bytes.Equal(made["bare"].keyPEM, made["full"].keyPEM) {
		return "another encoding of the private key"
	}
	leaf, other := made["bare"].leaf, made["full"].leaf
	for _, c := range specs {
		if !certs.KeyFits(p.key.Public(), c.Spec.PrivateKey) {
			return "the key does not fit"
		}
		for _, r := range []KnownRequest{a, b} {
			if paths := certs.RequestMismatch(&c.Spec, &r.Object.Spec, r.CSR); len(paths) > 0 {
				return fmt.Sprint("the request differs in ", paths)
			}
		}
		if paths := certs.NamesMismatch(&c.Spec, certs.NamesOf(leaf)); len(paths) > 0 {
			return fmt.Sprint("the certificate differs in ", paths)
		}
	}
	at, renewed, err := certs.RenewAt(leaf.NotBefore, leaf.NotAfter, &p.bare.Spec)
	at2, renewed2, err2 := certs.RenewAt(other.NotBefore, other.NotAfter, &p.full.Spec)
	if !at.Equal(at2) || renewed != renewed2 || fmt.Sprint(err) != fmt.Sprint(err2) {
		return fmt.Sprintf("renewed at %v %v instead of %v %v", at2, err2, at, err)
	}

	// What the world holds was made before or after the filling in, as is the
	// Certificate that Decide looks at.
	var want Decision
	for i, way := range [][2]string{{"bare", "bare"}, {"bare", "full"}, {"full", "bare"}, {"full", "full"}} {
		state := situations[situation](specs[way[0]], made[way[0]], signer)
		held := specs[way[1]].DeepCopy()
		held.Status = state.Certificate.Status
		state.Certificate = held
		got := Decide(state)
		if i == 0 {
			want = got
			if strings.HasPrefix(situation, "settled") && (got.Reason != "Settled" || got.Step != Step(Wait{})) {
				return fmt.Sprintf("the situation %q is not what it says: %+v", situation, short(got))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Sprintf("in the situation %q, which is %s, Decide says of what is %s (-before +after):\n%s", situation, way[0], way[1], diff)
		}
	}
	return ""
}

// issue makes what an issuer would for c.
func (p pair) issue(c *certsv1.Certificate) material {
	root, signer := authority()
	lifetime := certs.DefaultDuration
	if c.Spec.Duration != nil {
		lifetime = c.Spec.Duration.Duration
	}
	m := sign(&c.Spec, p.key, noon, lifetime, root, signer)
	encoding := certsv1.PKCS1
	if c.Spec.PrivateKey != nil && c.Spec.PrivateKey.Encoding != "" {
		encoding = c.Spec.PrivateKey.Encoding
	}
	var err error
	m.keyPEM, err = certs.EncodeKey(p.key, encoding)
	check(err)
	return m
}

// situations are how far a Certificate may have come.
var situations = map[string]func(c *certsv1.Certificate, m material, signer Signer) State{
	"new": func(c *certsv1.Certificate, _ material, signer Signer) State {
		return State{Now: noon, Live: true, Certificate: c.DeepCopy(), Signer: signer, Policy: testPolicy}
	},
	"a key is stored": func(c *certsv1.Certificate, m material, signer Signer) State {
		return State{Now: noon, Live: true, Certificate: c.DeepCopy(), Signer: signer, Policy: testPolicy, Keys: []KnownKey{stored(m)}}
	},
	"a request is under way": func(c *certsv1.Certificate, m material, signer Signer) State {
		held := c.DeepCopy()
		issuingSince(noon.Add(-time.Minute), ReasonDoesNotExist)(held)
		return State{Now: noon, Live: true, Certificate: held, Signer: signer, Policy: testPolicy, Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(c, 1, m)}}
	},
	"a request was answered": func(c *certsv1.Certificate, m material, signer Signer) State {
		return State{Now: noon, Live: true, Certificate: c.DeepCopy(), Signer: signer, Policy: testPolicy, Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(c, 1, m, answeredWith(m))}}
	},
	"a request has failed": func(c *certsv1.Certificate, m material, signer Signer) State {
		held := c.DeepCopy()
		failedAt(noon, 2)(held)
		return State{Now: noon.Add(time.Minute), Live: true, Certificate: held, Signer: signer, Policy: testPolicy, Requests: []KnownRequest{asked(c, 1, m, failedWith("Failed", "no", noon))}}
	},
	"settled": func(c *certsv1.Certificate, m material, signer Signer) State {
		held := c.DeepCopy()
		atRevision(2)(held)
		return State{Now: noon.Add(time.Minute), Certificate: held, Signer: signer, Policy: testPolicy, Secret: delivered(c, m), Requests: []KnownRequest{asked(c, 2, m, answeredWith(m))}}
	},
	"settled without a request": func(c *certsv1.Certificate, m material, signer Signer) State {
		return State{Now: noon.Add(time.Minute), Certificate: c.DeepCopy(), Signer: signer, Policy: testPolicy, Secret: delivered(c, m)}
	},
	"asked for by hand": func(c *certsv1.Certificate, m material, signer Signer) State {
		held := c.DeepCopy()
		atRevision(2)(held)
		issuingSince(noon, "ManuallyTriggered")(held)
		return State{Now: noon.Add(time.Minute), Live: true, Certificate: held, Signer: signer, Policy: testPolicy, Secret: delivered(c, m), Requests: []KnownRequest{asked(c, 2, m, answeredWith(m))}}
	},
	"an old request": func(c *certsv1.Certificate, m material, signer Signer) State {
		held := c.DeepCopy()
		atRevision(9)(held)
		s := State{Now: noon.Add(time.Minute), Certificate: held, Signer: signer, Policy: testPolicy, Secret: delivered(c, m)}
		for revision := 8; revision <= 9; revision++ {
			s.Requests = append(s.Requests, asked(c, revision, m, answeredWith(m)))
		}
		return s
	},
	"expired": func(c *certsv1.Certificate, m material, signer Signer) State {
		held := c.DeepCopy()
		atRevision(2)(held)
		return State{Now: m.leaf.NotAfter.Add(time.Minute), Live: true, Certificate: held, Signer: signer, Policy: testPolicy, Secret: delivered(c, m), Requests: []KnownRequest{asked(c, 2, m, answeredWith(m))}}
	},
}

// delivered is the target Secret of c with all that c asks for.
func delivered(c *certsv1.Certificate, m material) *certs.SecretSummary {
	labels, annotations := templateOf(&c.Spec)
	outputs, err := certs.OutputFormats(&c.Spec, m.keyPEM, m.chain)
	check(err)
	sum := holding(c, m, func(s *corev1.Secret) {
		maps.Copy(s.Labels, labels)
		maps.Copy(s.Annotations, annotations)
		maps.Copy(s.Data, outputs)
	})
	sum.OwnedLabels = append(sum.OwnedLabels, slices.Collect(maps.Keys(labels))...)
	sum.OwnedAnnotations = append(sum.OwnedAnnotations, slices.Collect(maps.Keys(annotations))...)
	sum.OwnedData = append(sum.OwnedData, slices.Collect(maps.Keys(outputs))...)
	return sum
}
