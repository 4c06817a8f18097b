package certificate

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/certs/keystore"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// withKeystores asks for a JKS with a literal password and for a PKCS#12 file
// whose password is in a Secret.
func withKeystores(c *certsv1.Certificate) {
	c.Spec.Keystores = &certsv1.CertificateKeystores{
		JKS: &certsv1.JKSKeystore{Create: true, Password: ptr.To("sesame")},
		PKCS12: &certsv1.PKCS12Keystore{Create: true, PasswordSecretRef: &cmmeta.SecretKeySelector{
			LocalObjectReference: cmmeta.LocalObjectReference{Name: "passwords"}, Key: "p12",
		}},
	}
}

var (
	secretPasswords = [][]byte{[]byte("sesame"), []byte("open")}
	knownPasswords  = []Password{{}, {Version: "uid/1"}}
)

// A filled Secret is one that holds keystores.
type filled struct {
	State
	content content
	secret  *corev1.Secret
}

// fill returns a settled State of a Certificate with keystores.
func fill(t *testing.T, change ...func(*certsv1.Certificate)) filled {
	t.Helper()
	c := crt(append([]func(*certsv1.Certificate){withKeystores, atRevision(1)}, change...)...)
	m := makes(&c.Spec)
	root, _ := authority()
	f := filled{
		State:   State{Now: noon, Live: true, Certificate: c, Passwords: slices.Clone(knownPasswords), Policy: testPolicy, Requests: []KnownRequest{asked(c, 1, m, answeredWith(m))}},
		content: content{key: m.keyPEM, chain: m.chain, ca: certs.EncodeChain(root)},
	}
	data, mark, err := f.keystores(f.content, nil, secretPasswords)
	if err != nil {
		t.Fatal(err)
	}
	holding(c, m, func(s *corev1.Secret) {
		maps.Copy(s.Data, data)
		s.Data["ca.crt"] = f.content.ca
		s.Annotations[KeystoresKey] = mark
		f.secret = s
	})
	f.look()
	return f
}

// look makes the State see the Secret as it is, with everything in it our own.
func (f *filled) look() {
	f.Secret = certs.Summarize(f.secret)
	f.Secret.OwnedData = slices.Sorted(maps.Keys(f.secret.Data))
	f.Secret.OwnedLabels = slices.Sorted(maps.Keys(f.secret.Labels))
	f.Secret.OwnedAnnotations = []string{certsv1.CertificateNameKey, certsv1.IssuerGroupKey, certsv1.IssuerKindKey, certsv1.IssuerNameKey}
	if _, ok := f.secret.Annotations[KeystoresKey]; ok {
		f.Secret.OwnedAnnotations = append(f.Secret.OwnedAnnotations, KeystoresKey)
	}
}

func (f *filled) unmark() {
	delete(f.secret.Annotations, KeystoresKey)
	f.look()
	f.FirstOrigin = f.origin(inputsOf(f.Secret))
}

var (
	missing = []Password{{}, {Version: "/", Missing: true, Problem: `the Secret "passwords" does not exist`}}
	empty   = []Password{{}, {Version: "uid/2", Problem: "the password is empty"}}
)

func TestDecideKeystores(t *testing.T) {
	const restore = "put the Secret right in place"
	renewal := noon.Add(60 * 24 * time.Hour)
	settled := brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"}
	wrong := brief{Step: restore, Reason: "Settled", Wake: renewal, Ready: "True Ready"}
	warned := func(event string) brief {
		b := settled
		b.Events = "Warning " + event
		return b
	}
	tests := map[string]struct {
		change func(*filled)
		want   brief
	}{
		"keystores that fit stay":       {func(*filled) {}, settled},
		"another version of a password": {func(f *filled) { f.Passwords[1].Version = "uid/2" }, wrong},
		"another literal password":      {func(f *filled) { f.Certificate.Spec.Keystores.JKS.Password = ptr.To("other") }, wrong},
		"another alias":                 {func(f *filled) { f.Certificate.Spec.Keystores.JKS.Alias = ptr.To("web") }, wrong},
		"the default alias written out": {func(f *filled) { f.Certificate.Spec.Keystores.JKS.Alias = ptr.To("certificate") }, settled},
		"another profile":               {func(f *filled) { f.Certificate.Spec.Keystores.PKCS12.Profile = "Modern2023" }, wrong},
		"another entry of the password's Secret": {func(f *filled) {
			f.Certificate.Spec.Keystores.PKCS12.PasswordSecretRef.Key = "other"
		}, wrong},
		"a keystore that is no longer wanted":     {func(f *filled) { f.Certificate.Spec.Keystores.JKS = nil }, wrong},
		"a keystore that is switched off":         {func(f *filled) { f.Certificate.Spec.Keystores.PKCS12.Create = false }, wrong},
		"no keystore wanted, but some there":      {func(f *filled) { f.Certificate.Spec.Keystores = nil }, wrong},
		"a keystore that somebody has removed":    {func(f *filled) { delete(f.secret.Data, keystore.JKSKey); f.look() }, wrong},
		"a trust store that somebody has removed": {func(f *filled) { delete(f.secret.Data, keystore.PKCS12TrustKey); f.look() }, wrong},
		"a keystore that somebody has changed": {func(f *filled) {
			f.Secret.OwnedData = slices.DeleteFunc(f.Secret.OwnedData, func(k string) bool { return k == keystore.JKSKey })
		}, wrong},
		"a mark that does not parse": {func(f *filled) { f.secret.Annotations[KeystoresKey] = "x"; f.look() }, wrong},
		"a chain that somebody has changed": {func(f *filled) {
			f.secret.Data["tls.crt"] = append(slices.Clone(f.secret.Data["tls.crt"]), f.content.ca...)
			f.look()
		}, wrong},
		"keystores of another program stay":                        {func(f *filled) { f.unmark() }, settled},
		"keystores of another program, not all":                    {func(f *filled) { delete(f.secret.Data, keystore.PKCS12Key); f.unmark() }, wrong},
		"keystores of another program, never seen":                 {func(f *filled) { f.unmark(); f.FirstOrigin = "" }, settled},
		"keystores of another program, but another password since": {func(f *filled) { f.unmark(); f.Passwords[1].Version = "uid/2" }, wrong},
		"what was tried and changed nothing is not tried again": {func(f *filled) {
			delete(f.secret.Data, keystore.JKSKey)
			f.look()
			f.Restored = f.likeness()
		}, settled},
		"but it is if the password changes": {func(f *filled) {
			delete(f.secret.Data, keystore.JKSKey)
			f.look()
			f.Restored = f.likeness()
			f.Passwords[1].Version = "uid/2"
		}, wrong},

		"a good certificate is ready though the password is gone": {func(f *filled) { f.Passwords = missing }, warned("KeystorePasswordSecretNotFound")},
		"or cannot be used": {func(f *filled) { f.Passwords = empty }, warned("KeystorePasswordInvalid")},
		"a password that is gone from the cache is looked for": {func(f *filled) {
			f.Passwords, f.Live = []Password{{}, {Version: "/"}}, false
		}, wrong},
		"the rest is put right without the password": {func(f *filled) { f.Passwords = missing; f.Secret.Labels = nil }, wrong},

		"nothing is signed without a password": {
			func(f *filled) {
				f.Certificate, f.Secret, f.Requests, f.Passwords, f.Signer = crt(withKeystores), nil, nil, missing, AtOnce
			},
			brief{Step: "wait", Reason: "KeystorePasswordSecretNotFound", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing, Warning KeystorePasswordSecretNotFound"},
		},
		"nothing is asked of a slow issuer without a password": {
			func(f *filled) {
				f.Certificate, f.Secret, f.Requests, f.Passwords = crt(withKeystores), nil, nil, empty
			},
			brief{Step: "wait", Reason: "KeystorePasswordInvalid", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing, Warning KeystorePasswordInvalid"},
		},
		"with a password it is signed": {
			func(f *filled) { f.Certificate, f.Secret, f.Requests, f.Signer = crt(withKeystores), nil, nil, AtOnce },
			brief{Step: "issue revision 1 now", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a renewal waits for the password": {
			func(f *filled) { f.Passwords, f.Now = missing, renewal },
			brief{Step: "wait", Reason: "KeystorePasswordSecretNotFound", Ready: "True Ready", Issuing: "True Renewing", Events: "Normal Issuing, Warning KeystorePasswordSecretNotFound"},
		},
		"an answer waits for the password": {
			func(f *filled) {
				m := makes(&f.Certificate.Spec)
				f.Certificate = crt(withKeystores, issuingSince(noon, "DoesNotExist"))
				f.Secret, f.Requests, f.Keys, f.Passwords = nil, []KnownRequest{asked(f.Certificate, 1, m, answeredWith(m))}, []KnownKey{stored(m)}, missing
			},
			brief{Step: "wait", Reason: "KeystorePasswordSecretNotFound", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Warning KeystorePasswordSecretNotFound"},
		},
		"an answer whose CA does not fit into a keystore is refused": {
			func(f *filled) {
				m := makes(&f.Certificate.Spec)
				f.Certificate = crt(withKeystores, issuingSince(noon.Add(-time.Hour), "DoesNotExist"))
				f.Secret, f.Keys = nil, []KnownKey{stored(m)}
				f.Requests = []KnownRequest{asked(f.Certificate, 1, m, answeredWith(m), func(r *certsv1.CertificateRequest) { r.Status.CA = []byte("x") })}
			},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False InvalidCertificate", Events: "Warning InvalidCertificate"},
		},
		"a temporary certificate waits for the password": {
			func(f *filled) {
				m := makes(&f.Certificate.Spec)
				f.Certificate = crt(withKeystores, issuingSince(noon, "DoesNotExist"))
				f.Certificate.Annotations = map[string]string{certsv1.IssueTemporaryCertificateKey: "true"}
				f.Secret, f.Requests, f.Keys, f.Passwords = nil, []KnownRequest{asked(f.Certificate, 1, m)}, []KnownKey{stored(m)}, missing
			},
			brief{Step: "wait", Reason: "Pending", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},

		"another encoding of the private key": {func(f *filled) { f.Certificate.Spec.PrivateKey.Encoding = certsv1.PKCS8 }, wrong},
		"the default encoding written out":    {func(f *filled) { f.Certificate.Spec.PrivateKey.Encoding = certsv1.PKCS1 }, settled},
		"a private key that was imported stays as it came": {func(f *filled) {
			f.Certificate = crt(atRevision(1), func(c *certsv1.Certificate) { c.Spec.PrivateKey.Encoding = certsv1.PKCS8 })
			m := makes(&f.Certificate.Spec)
			f.Requests = nil
			f.Secret = holding(f.Certificate, m)
			for _, k := range []string{certsv1.IssuerNameKey, certsv1.IssuerKindKey, certsv1.IssuerGroupKey} {
				delete(f.Secret.Annotations, k)
			}
		}, settled},
		"a private key of Ed25519 has one encoding only": {func(f *filled) {
			f.Certificate = crt(atRevision(1), func(c *certsv1.Certificate) { c.Spec.PrivateKey.Algorithm = certsv1.Ed25519KeyAlgorithm })
			m := makes(&f.Certificate.Spec)
			f.Requests = []KnownRequest{asked(f.Certificate, 1, m)}
			f.Secret = holding(f.Certificate, m)
		}, settled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fill(t)
			tt.change(&f)
			if diff := cmp.Diff(tt.want, short(Decide(f.State))); diff != "" {
				t.Errorf("Decide() (-want +got):\n%s", diff)
			}
		})
	}
}

// What the user reads names the Secret, and the report is stable.
func TestKeystoreMessages(t *testing.T) {
	f := fill(t)
	f.Passwords = missing
	d := Decide(f.State)
	contains(t, d.Status.Condition("Ready").Message, `the Secret "passwords" does not exist`)
	f.Certificate.Status = d.Status
	if diff := cmp.Diff(d.Status, Decide(f.State).Status); diff != "" {
		t.Errorf("the second report differs:\n%s", diff)
	}
	f.Passwords = knownPasswords
	d = Decide(f.State)
	if m := d.Status.Condition("Ready").Message; m != readyMessage {
		t.Errorf("with the password back, Ready says %q", m)
	}

	f.Certificate, f.Secret, f.Requests, f.Passwords = crt(withKeystores), nil, nil, missing
	d = Decide(f.State)
	contains(t, d.Status.Condition("Issuing").Message, `spec.keystores.pkcs12`)
	contains(t, d.Status.Condition("Issuing").Message, `the Secret "passwords" does not exist`)
}

func TestPasswordIn(t *testing.T) {
	wish := keystore.Wish{Format: keystore.JKS, Alias: "a", PasswordRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "s"}, Key: "k"}}
	secret := func(value string, change ...func(*corev1.Secret)) *corev1.Secret {
		s := &corev1.Secret{Data: map[string][]byte{"k": []byte(value)}}
		s.Name, s.UID, s.ResourceVersion = "s", "uid", "7"
		for _, f := range change {
			f(s)
		}
		return s
	}
	managed := func(s *corev1.Secret) { s.Labels = map[string]string{certsv1.SecretManagedKey: "true"} }
	tests := map[string]struct {
		secret  *corev1.Secret
		key     string
		want    string
		problem string
	}{
		"a password":                        {secret("x"), "k", "x", ""},
		"white space is part of a password": {secret("x\n"), "k", "x\n", ""},
		"no Secret":                         {nil, "k", "", `Secret "s" does not exist, whose entry "k"`},
		"no key named":                      {secret("x"), "", "", "no key in it"},
		"no such entry":                     {secret("x"), "other", "", `has no entry "other"`},
		"an empty entry":                    {secret(""), "k", "", `the password is empty (entry "k" of the Secret "s")`},
		"a password that Java cannot type":  {secret("пароль"), "k", "пароль", "outside Latin-1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := wish
			w.PasswordRef.Key = tt.key
			got, known := passwordIn(tt.secret, w)
			if string(got) != tt.want || (known.Problem == "") != (tt.problem == "") || !strings.Contains(known.Problem, tt.problem) {
				t.Errorf("passwordIn() = %q, %+v", got, known)
			}
			if known.Missing != (tt.secret == nil) {
				t.Errorf("Missing = %t", known.Missing)
			}
		})
	}
	// The version of a Secret that we write ourselves is that of the entry.
	_, before := passwordIn(secret("x", managed), wish)
	_, touched := passwordIn(secret("x", managed, func(s *corev1.Secret) { s.ResourceVersion = "8" }), wish)
	_, changed := passwordIn(secret("y", managed), wish)
	if before.Version != touched.Version || before.Version == changed.Version {
		t.Error("the version of a managed Secret's password does not follow the password")
	}
	if _, a := passwordIn(secret("x"), wish); a.Version != "uid/7" {
		t.Errorf("Version = %q", a.Version)
	}
}

// opens tells with which of the passwords the keystores open, and the alias of
// the key.
func opens(t *testing.T, data map[string][]byte, java, p12 string) (alias string) {
	t.Helper()
	store := jks.New()
	if err := store.Load(bytes.NewReader(data[keystore.JKSKey]), []byte(java)); err != nil {
		t.Errorf("keystore.jks does not open: %v", err)
	}
	if _, _, _, err := pkcs12.DecodeChain(data[keystore.PKCS12Key], p12); err != nil {
		t.Errorf("keystore.p12 does not open: %v", err)
	}
	for _, a := range store.Aliases() {
		if store.IsPrivateKeyEntry(a) {
			alias = a
		}
	}
	return alias
}

func TestKeystores(t *testing.T) {
	const java, p12 = keystore.JKSKey, keystore.PKCS12Key
	tests := map[string]struct {
		change    func(*filled)
		passwords [][]byte
		built     []string // keystores that are new
		marked    bool     // whether the mark is another one
	}{
		"what fits stays":                    {func(*filled) {}, secretPasswords, nil, false},
		"another version, the same password": {func(f *filled) { f.Passwords[1].Version = "uid/2" }, secretPasswords, nil, true},
		"another password":                   {func(f *filled) { f.Passwords[1].Version = "uid/2" }, [][]byte{[]byte("sesame"), []byte("new")}, []string{p12}, true},
		"another literal password":           {func(f *filled) { f.Certificate.Spec.Keystores.JKS.Password = ptr.To("new") }, [][]byte{[]byte("new"), []byte("open")}, []string{java}, true},
		"another alias":                      {func(f *filled) { f.Certificate.Spec.Keystores.JKS.Alias = ptr.To("web") }, secretPasswords, []string{java}, true},
		"another profile":                    {func(f *filled) { f.Certificate.Spec.Keystores.PKCS12.Profile = "Modern2026" }, secretPasswords, []string{p12}, true},
		"another form of the private key":    {func(f *filled) { f.content.key = append(f.content.key, '\n') }, secretPasswords, []string{java, p12}, true},
		"an entry that somebody has changed": {func(f *filled) {
			f.Secret.OwnedData = slices.DeleteFunc(f.Secret.OwnedData, func(k string) bool { return k == keystore.JKSTrustKey })
		}, secretPasswords, []string{java}, false},
		"an entry that somebody has removed":   {func(f *filled) { delete(f.secret.Data, keystore.PKCS12TrustKey); f.look() }, secretPasswords, []string{p12}, false},
		"keystores of another program":         {func(f *filled) { f.unmark() }, secretPasswords, nil, false},
		"of which the password has changed":    {func(f *filled) { f.unmark(); f.Passwords[1].Version = "uid/2" }, secretPasswords, []string{java, p12}, true},
		"without a password all stays":         {func(f *filled) { f.Passwords = missing }, [][]byte{[]byte("sesame"), nil}, nil, false},
		"without a CA there is no trust store": {func(f *filled) { f.content.ca = nil }, secretPasswords, []string{java, p12}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fill(t)
			tt.change(&f)
			before := f.secret.Annotations[KeystoresKey]
			data, mark, err := f.keystores(f.content, f.secret, tt.passwords)
			if err != nil {
				t.Fatal(err)
			}
			var built []string
			for _, key := range []string{java, p12} {
				if !bytes.Equal(data[key], f.secret.Data[key]) {
					built = append(built, key)
				}
			}
			if diff := cmp.Diff(tt.built, built); diff != "" {
				t.Errorf("built (-want +got):\n%s", diff)
			}
			if want := map[bool]int{true: 4, false: 2}[f.content.ca != nil]; len(data) != want {
				t.Errorf("%d entries, want %d", len(data), want)
			}
			if (mark != before) != tt.marked {
				t.Errorf("the mark was %q and is %q", before, mark)
			}
			if tt.passwords[1] != nil {
				wantAlias := "certificate"
				if a := f.Certificate.Spec.Keystores.JKS.Alias; a != nil {
					wantAlias = *a
				}
				if alias := opens(t, data, string(tt.passwords[0]), string(tt.passwords[1])); alias != wantAlias {
					t.Errorf("the key is under %q", alias)
				}
			}
			for _, password := range tt.passwords {
				if len(password) > 0 && strings.Contains(mark, string(password)) {
					t.Errorf("the mark %q has a password in it", mark)
				}
			}
		})
	}
}

// Whoever does not know the private key learns nothing from a mark: the same
// password leaves another one beside every key.
func TestMarkIsKeyed(t *testing.T) {
	a, b := fill(t), fill(t)
	x, y := readMark(a.secret.Annotations[KeystoresKey]), readMark(b.secret.Annotations[KeystoresKey])
	for _, f := range keystore.Formats() {
		if x.made[f] == "" || x.made[f] == y.made[f] || x.origin == y.origin {
			t.Errorf("two keys have the marks %s and %s", x, y)
		}
	}
	if (inputs{Key: certs.Digest{1}}).keyed("x") == (inputs{Key: certs.Digest{2}}).keyed("x") {
		t.Error("the digests do not depend on the private key")
	}
	if diff := cmp.Diff(a.secret.Annotations[KeystoresKey], x.String()); diff != "" {
		t.Errorf("a mark is not what it was read from:\n%s", diff)
	}
}
