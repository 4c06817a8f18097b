package certificate

import (
	"context"
	"encoding/hex"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/certs/keystore"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// observeKeystores notes what the caches know about the passwords of keystores,
// and what those that another program made are made from.
func (p *pass) observeKeystores() {
	wishes := p.state.wishes()
	if len(wishes) == 0 {
		return
	}
	for _, w := range wishes {
		p.state.Passwords = append(p.state.Passwords, Password{Version: p.passwordVersion(w.PasswordRef)})
	}
	if p.state.Secret == nil || !p.state.restorable() {
		return
	}
	if _, marked := p.state.Secret.Annotations[KeystoresKey]; marked {
		return
	}
	p.state.FirstOrigin = p.known.firstOrigin
	if p.state.FirstOrigin == "" {
		p.state.FirstOrigin = p.state.origin(inputsOf(p.state.Secret))
		p.remember(func(m *recollection) { m.firstOrigin = p.state.FirstOrigin })
	}
}

// passwordVersion is the version of a password as far as the caches know.
func (p *pass) passwordVersion(ref cmmeta.SecretKeySelector) string {
	if ref.Name == "" {
		return ""
	}
	if sum, ok := p.Secrets.Summary(p.crt.Namespace, ref.Name); ok {
		return versionIn(sum, ref.Key)
	}
	uid, version, _ := p.Secrets.Version(p.crt.Namespace, ref.Name)
	return versionOf(uid, version)
}

// versionIn is the version of a password in a Secret that we look after: the
// target Secret itself, perhaps, which changes when we write it.
func versionIn(sum *certs.SecretSummary, key string) string {
	digest := sum.Digest(key)
	return hex.EncodeToString(digest[:])
}

// versionOf is the version of a password in any other Secret, of which the
// caches know no more.
func versionOf(uid types.UID, version string) string { return string(uid) + "/" + version }

// readPasswords reads the passwords of keystores live.
func (p *pass) readPasswords(ctx context.Context) error {
	wishes := p.state.wishes()
	p.passwords, p.state.Passwords = make([][]byte, len(wishes)), make([]Password, len(wishes))
	read := map[string]*corev1.Secret{}
	for i, w := range wishes {
		if w.PasswordRef.Name == "" {
			p.passwords[i] = []byte(w.Literal)
			if err := w.Check(p.passwords[i]); err != nil {
				p.state.Passwords[i].Problem = err.Error()
			}
			continue
		}
		name := w.PasswordRef.Name
		if _, done := read[name]; !done {
			secret, err := p.Secrets.Get(ctx, p.crt.Namespace, name)
			switch {
			case apierrors.IsNotFound(err):
				secret = nil
			case err != nil:
				return fmt.Errorf("password of the %s keystore: %w", w.Format, err)
			}
			read[name] = secret
		}
		p.passwords[i], p.state.Passwords[i] = passwordIn(read[name], w)
	}
	return nil
}

// passwordIn returns the password for w in secret, which is nil if it does not
// exist, and what is to be known about it.
func passwordIn(secret *corev1.Secret, w keystore.Wish) ([]byte, Password) {
	name, key := w.PasswordRef.Name, w.PasswordRef.Key
	if secret == nil {
		return nil, Password{Version: versionOf("", ""), Missing: true, Problem: fmt.Sprintf("the Secret %q does not exist, whose entry %q is to hold its password", name, key)}
	}
	out := Password{Version: versionOf(secret.UID, secret.ResourceVersion)}
	if secret.Labels[certsv1.SecretManagedKey] == "true" {
		out.Version = versionIn(certs.Summarize(secret), key)
	}
	password, ok := secret.Data[key]
	switch err := w.Check(password); {
	case key == "":
		out.Problem = fmt.Sprintf("passwordSecretRef names the Secret %q, but no key in it", name)
	case !ok:
		out.Problem = fmt.Sprintf("the Secret %q has no entry %q, which is to hold its password", name, key)
	case err != nil:
		out.Problem = fmt.Sprintf("%v (entry %q of the Secret %q)", err, key, name)
	}
	return password, out
}
