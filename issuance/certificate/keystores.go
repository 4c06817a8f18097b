package certificate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/certs/keystore"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// KeystoresKey is an annotation of a target Secret that tells what its
// keystores were made from, so that they are made again when that changes, and
// only then: they are salted, so comparing them says nothing.
//
// Its value is a list of digests, separated by dots: first that of everything
// that can be seen without reading a password, where the version of the
// password's Secret stands for the password; then, for each format, that of
// what the keystore was really made from, password included. Settled
// Certificates are judged by the first, from the caches. If it differs, the
// password is read, and a keystore whose own digest still fits stays as it is:
// a label on the password's Secret, or a cluster restored from a backup, makes
// no new keystores.
//
// An annotation is read by more people and tools than the data is. So that
// nobody can try passwords on it, the digests are keyed (HMAC) with the digest
// of tls.key, which is as hard to guess as the private key. Whoever has the key
// has the keystore beside it, whose own check of the password is no harder to
// try passwords on than this.
const KeystoresKey = "certwright.dev/keystores"

// A Password is what is known about the password of a keystore.
type Password struct {
	// Version changes when a password that is in a Secret may have changed. It
	// is empty if there is none.
	Version string
	// Missing says that there is no such Secret, Problem why the password
	// cannot be used. Both are known only if the State is Live.
	Missing bool
	Problem string
}

// inputs are what keystores hold.
type inputs struct {
	Key, Chain, CA certs.Digest
}

// inputsOf is what the keystores of a Secret are to hold. A ca.crt that is not
// ours does not count.
func inputsOf(sec *certs.SecretSummary) inputs {
	out := inputs{Key: sec.Digest(cmmeta.TLSPrivateKeyKey), Chain: sec.Digest(cmmeta.TLSCertKey)}
	if slices.Contains(sec.OwnedData, cmmeta.TLSCAKey) {
		out.CA = sec.Digest(cmmeta.TLSCAKey)
	}
	return out
}

// inputs are what the keystores beside c are to hold.
func (c content) inputs() inputs {
	out := inputs{Key: sha256.Sum256(c.key), Chain: sha256.Sum256(c.chain)}
	if len(c.ca) > 0 {
		out.CA = sha256.Sum256(c.ca)
	}
	return out
}

// keyed is a digest of what that only who knows the private key can compute.
func (in inputs) keyed(what any) string {
	data, err := json.Marshal([]any{in.Chain, in.CA, what})
	if err != nil {
		panic(fmt.Sprintf("certificate: keystore inputs: %v", err)) // plain strings
	}
	mac := hmac.New(sha256.New, in.Key[:])
	mac.Write(data)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// A mark is the value of KeystoresKey.
type mark struct {
	// origin is the digest of what can be seen without a password.
	origin string
	// made are the digests of what each keystore was made from.
	made map[keystore.Format]string
}

func (m mark) String() string {
	parts := []string{m.origin}
	for _, f := range keystore.Formats() {
		parts = append(parts, m.made[f])
	}
	return strings.Join(parts, ".")
}

// readMark reads a mark. One that does not parse fits nothing.
func readMark(value string) mark {
	parts := strings.Split(value, ".")
	m := mark{made: map[keystore.Format]string{}}
	formats := keystore.Formats()
	if len(parts) != 1+len(formats) {
		return m
	}
	m.origin = parts[0]
	for i, f := range formats {
		m.made[f] = parts[1+i]
	}
	return m
}

// wishes returns the keystores that the Certificate asks for.
func (s State) wishes() []keystore.Wish { return keystore.Wishes(&s.Certificate.Spec) }

// origin is the digest of what the keystores of in are made from, as far as it
// can be seen without a password. It is empty if no keystore is wanted.
func (s State) origin(in inputs) string {
	wishes := s.wishes()
	if len(wishes) == 0 {
		return ""
	}
	var versions []string
	for _, p := range s.Passwords {
		versions = append(versions, p.Version)
	}
	return in.keyed([]any{"origin", wishes, versions})
}

// madeFrom is the digest of what a keystore of in is made from.
func madeFrom(in inputs, w keystore.Wish, password []byte) string {
	return in.keyed([]any{"made", w.Format, w.Alias, w.Profile, password})
}

// keystoresDiffer reports whether the keystores in the Secret may have been made
// from something else than what is asked for now. Those without a mark, which
// another program made, are taken for good as long as what is asked for is what
// it was when they were first seen.
func (s State) keystoresDiffer() bool {
	if len(s.wishes()) == 0 {
		return slices.Contains(s.Secret.OwnedAnnotations, KeystoresKey)
	}
	now := s.origin(inputsOf(s.Secret))
	if value, marked := s.Secret.Annotations[KeystoresKey]; marked {
		return readMark(value).origin != now
	}
	return s.FirstOrigin != "" && s.FirstOrigin != now
}

// keystoreKeys are the keys of the Secret's data for keystores, and whether they
// are wanted. There is a trust store only beside a ca.crt.
func keystoreKeys(wishes []keystore.Wish, hasCA bool) map[string]bool {
	out := map[string]bool{}
	for _, f := range keystore.Formats() {
		wanted := slices.ContainsFunc(wishes, func(w keystore.Wish) bool { return w.Format == f })
		store, trust := f.Keys()
		out[store], out[trust] = wanted, wanted && hasCA
	}
	return out
}

// passwordProblem returns why a keystore cannot be made, if one is wanted that
// cannot. It takes a live State to tell.
func (s State) passwordProblem() (Event, bool) {
	if !s.Live {
		return Event{}, false
	}
	for i, w := range s.wishes() {
		if i >= len(s.Passwords) || s.Passwords[i].Problem == "" {
			continue
		}
		e := Event{corev1.EventTypeWarning, EventKeystorePasswordInvalid,
			fmt.Sprintf("The keystore of spec.keystores.%s cannot be made: %s", w.Format, s.Passwords[i].Problem)}
		if s.Passwords[i].Missing {
			e.Reason = EventKeystorePasswordSecretNotFound
		}
		return e, true
	}
	return Event{}, false
}

// withKeystores returns c with the keystores that go with it, and what they were
// made from. What is in present, the Secret that c was read from, stays as it is
// if it fits; present is nil if c is new.
func (s State) withKeystores(c content, present *corev1.Secret, passwords [][]byte) (content, error) {
	data, value, err := s.keystores(c, present, passwords)
	if err != nil {
		return content{}, err
	}
	c.keystores = data
	c.annotations = maps.Clone(c.annotations)
	delete(c.annotations, KeystoresKey)
	if value != "" {
		c.annotations[KeystoresKey] = value
	}
	return c, nil
}

// keystores returns the keystores that go with c, as entries of the Secret's
// data, and the value of KeystoresKey, which is empty if there is to be none.
func (s State) keystores(c content, present *corev1.Secret, passwords [][]byte) (map[string][]byte, string, error) {
	wishes := s.wishes()
	if len(wishes) == 0 {
		return nil, "", nil
	}
	wanted := keystoreKeys(wishes, len(c.ca) > 0)
	if kept, value, ok := s.keptKeystores(wanted, present); ok {
		return kept, value, nil
	}
	in := c.inputs()
	now := mark{origin: s.origin(in), made: map[keystore.Format]string{}}
	data := map[string][]byte{}
	for i, w := range wishes {
		now.made[w.Format] = madeFrom(in, w, passwords[i])
		made, kept := s.keptKeystore(w.Format, now, wanted, present)
		if !kept {
			var err error
			if made, err = w.Build(keystore.Content{Key: c.key, Chain: c.chain, CA: c.ca}, passwords[i]); err != nil {
				return nil, "", err
			}
		}
		maps.Copy(data, made)
	}
	return data, now.String(), nil
}

// keptKeystores returns all that is in present, if nothing can or must be made.
func (s State) keptKeystores(wanted map[string]bool, present *corev1.Secret) (map[string][]byte, string, bool) {
	if present == nil {
		return nil, "", false
	}
	value, marked := present.Annotations[KeystoresKey]
	kept, all := entries(present, wanted)
	if _, bad := s.passwordProblem(); bad {
		return kept, value, true // better what was than nothing
	}
	return kept, "", !marked && all && !s.keystoresDiffer()
}

// keptKeystore returns the keystore of a format in present, if it was made from
// the same as one that would be made now.
func (s State) keptKeystore(f keystore.Format, now mark, wanted map[string]bool, present *corev1.Secret) (map[string][]byte, bool) {
	if present == nil || readMark(present.Annotations[KeystoresKey]).made[f] != now.made[f] {
		return nil, false
	}
	store, trust := f.Keys()
	of := map[string]bool{store: wanted[store], trust: wanted[trust]}
	for key := range of {
		if of[key] && !slices.Contains(s.Secret.OwnedData, key) {
			return nil, false // somebody else has changed it
		}
	}
	return entries(present, of)
}

// entries returns the entries of the Secret's data that are wanted, and whether
// all of them are there.
func entries(secret *corev1.Secret, wanted map[string]bool) (map[string][]byte, bool) {
	out, all := map[string][]byte{}, true
	for key, want := range wanted {
		if !want {
			continue
		}
		if value := secret.Data[key]; len(value) > 0 {
			out[key] = value
		} else {
			all = false
		}
	}
	return out, all
}

// passwordNames are the names of the Secrets with the passwords of crt's
// keystores.
func passwordNames(crt *certsv1.Certificate) []string {
	var names []string
	for _, w := range keystore.Wishes(&crt.Spec) {
		if name := w.PasswordRef.Name; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
