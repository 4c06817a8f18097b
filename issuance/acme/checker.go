package acme

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

// Reasons of an ACME issuer's Ready condition.
const (
	ReasonAccountRegistered = "ACMEAccountRegistered"
	ReasonErrRegister       = "ErrRegisterACMEAccount"
	ReasonErrVerify         = "ErrVerifyACMEAccount"
	ReasonErrUpdate         = "ErrUpdateACMEAccount"
	ReasonInvalidConfig     = "InvalidConfig"
	ReasonInvalidURL        = "InvalidURL"
	ReasonInvalidSolver     = "InvalidSolver"
	// EventErrInit is the reason of the event about any of them.
	EventErrInit = "ErrInitIssuer"
)

const (
	messageRegistered = "The ACME account was registered with the ACME server"
	registerFailed    = "Failed to register ACME account: "
	verifyFailed      = "Failed to verify ACME account: "
	updateFailed      = "Failed to update ACME account:"
)

// checkTimeout bounds one check.
const checkTimeout = 2 * time.Minute

// deadServers are directories that ended with ACME's first version.
var deadServers = map[string]string{
	"https://acme-v01.api.letsencrypt.org/directory":     "https://acme-v02.api.letsencrypt.org/directory",
	"https://acme-staging.api.letsencrypt.org/directory": "https://acme-staging-v02.api.letsencrypt.org/directory",
}

// checker registers accounts.
type checker struct {
	Config
	mu sync.Mutex
	// servers remembers the directory that an issuer's account was last seen
	// to be good at: the status holds only the account's URI, and one host may
	// have several directories.
	servers map[types.UID]string
}

func newChecker(cfg Config) *checker { return &checker{Config: cfg, servers: map[types.UID]string{}} }

// A verdict is a Readiness that ends a check early.
type verdict struct{ issuance.Readiness }

func (v *verdict) Error() string { return v.Message }

// no is a verdict that waits for a change.
func no(reason, message string) error {
	return &verdict{issuance.Readiness{Status: cmmeta.ConditionFalse, Reason: reason, Message: message, Event: EventErrInit}}
}

// notNow is a verdict that is looked at again.
func notNow(reason, message string, after time.Duration) error {
	return &verdict{issuance.Readiness{Status: cmmeta.ConditionFalse, Reason: reason, Message: message, Event: EventErrInit, Retry: true, After: after}}
}

// failed judges an error of an exchange.
func failed(reason, prefix string, err error) error {
	var e *exchange.Error
	if errors.As(err, &e) && e.Class == exchange.Terminal {
		return no(reason, prefix+e.Error())
	}
	after := time.Duration(0)
	if e != nil {
		after = e.RetryAfter
	}
	return notNow(reason, prefix+err.Error(), after)
}

// Check makes sure that the account is registered, without asking the server
// where that was found to be so before and nothing has changed since.
func (c *checker) Check(ctx context.Context, issuer certsv1.GenericIssuer, namespace string) (issuance.Readiness, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	status := acmev1.ACMEIssuerStatus{}
	if s := issuer.GetStatus().ACME; s != nil {
		status = *s
	}
	before := status
	err := c.check(ctx, issuer, namespace, &status)
	var v *verdict
	switch {
	case err == nil:
		v = &verdict{issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: ReasonAccountRegistered, Message: messageRegistered}}
	case !errors.As(err, &v):
		return issuance.Readiness{}, err
	}
	if status != before {
		v.ACME = &status
	}
	return v.Readiness, nil
}

// check goes through what can be wrong, and writes down the account in status.
func (c *checker) check(ctx context.Context, issuer certsv1.GenericIssuer, namespace string, status *acmev1.ACMEIssuerStatus) error {
	spec := issuer.GetSpec().ACME
	if v2, dead := deadServers[strings.TrimSuffix(spec.Server, "/")]; dead {
		return no(ReasonInvalidConfig, fmt.Sprintf("The ACME server URL %s belongs to a version of ACME that no longer exists. Use %s instead.", spec.Server, v2))
	}
	key, err := c.key(ctx, spec, namespace, status)
	if err != nil {
		return err
	}
	if err := c.solverSecrets(ctx, spec, namespace); err != nil {
		return err
	}
	if err := exchange.CheckServer(spec.Server); err != nil {
		return no(ReasonInvalidURL, fmt.Sprintf("Failed to parse existing ACME server URI %q: %v", spec.Server, err))
	}
	if status.URI != "" {
		if _, err := url.Parse(status.URI); err != nil {
			return no(ReasonInvalidURL, fmt.Sprintf("Failed to parse existing ACME account URI %q: %v", status.URI, err))
		}
	}
	hash, err := keyHash(key)
	if err != nil {
		return no(ReasonErrVerify, verifyFailed+err.Error())
	}
	if status.URI != "" && hostOf(status.URI) != hostOf(spec.Server) {
		*status = acmev1.ACMEIssuerStatus{} // another server: the same key, another account
	}
	if c.settled(issuer, *status, hash) {
		return nil
	}
	return c.register(ctx, issuer, namespace, key, hash, status)
}

// settled reports whether the account needs no look at the server.
func (c *checker) settled(issuer certsv1.GenericIssuer, status acmev1.ACMEIssuerStatus, hash string) bool {
	spec := issuer.GetSpec().ACME
	ready := issuer.GetStatus().Condition(certsv1.IssuerConditionReady)
	if ready == nil || ready.Status != cmmeta.ConditionTrue || status.URI == "" ||
		status.LastRegisteredEmail != spec.Email || status.LastPrivateKeyHash != hash {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.servers[issuer.GetUID()]; ok {
		return known == spec.Server
	}
	if ready.ObservedGeneration != 0 && ready.ObservedGeneration != issuer.GetGeneration() {
		return false // edited while we were not there: a look costs three requests
	}
	c.servers[issuer.GetUID()] = spec.Server
	return true
}

func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

// key reads the account key, or makes one where none is named yet.
func (c *checker) key(ctx context.Context, spec *acmev1.ACMEIssuer, namespace string, status *acmev1.ACMEIssuerStatus) (crypto.Signer, error) {
	ref := accountKey(spec)
	key, err := readKey(ctx, c.Live, ref, namespace)
	switch {
	case err == nil:
		return key, nil
	case errors.Is(err, errNoKey), errors.Is(err, errBadKey):
		return nil, no(ReasonErrVerify, verifyFailed+err.Error())
	case !apierrors.IsNotFound(err):
		return nil, notNow(ReasonErrVerify, verifyFailed+err.Error(), 0)
	case spec.DisableAccountKeyGeneration:
		return nil, notNow(ReasonErrVerify, verifyFailed+err.Error()+" (and disableAccountKeyGeneration is set)", 0)
	}
	*status = acmev1.ACMEIssuerStatus{}
	if key, err = c.makeKey(ctx, ref, namespace); err != nil {
		return nil, notNow(ReasonErrRegister, registerFailed+err.Error(), 0)
	}
	return key, nil
}

// makeKey stores a new key. RSA and PKCS #1, whatever else we accept: other
// programs that know this format must be able to take over.
func (c *checker) makeKey(ctx context.Context, ref cmmeta.SecretKeySelector, namespace string) (crypto.Signer, error) {
	key, err := certs.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("generate account key: %w", err)
	}
	pem, err := certs.EncodeKey(key, certsv1.PKCS1)
	if err != nil {
		return nil, fmt.Errorf("encode account key: %w", err)
	}
	// No owner: the account outlives the issuer.
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: ref.Name, Labels: map[string]string{"app.kubernetes.io/managed-by": "cert-manager"}},
		Data:       map[string][]byte{ref.Key: pem},
	}
	err = c.Client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		return readKey(ctx, c.Live, ref, namespace) // another issuer with the same account was quicker
	}
	if err != nil {
		return nil, fmt.Errorf("store account key: %w", err)
	}
	return key, nil
}

// solverSecrets checks that the solvers' Secrets hold what is named.
func (c *checker) solverSecrets(ctx context.Context, spec *acmev1.ACMEIssuer, namespace string) error {
	var problems []string
	read := map[string]*corev1.Secret{}
	for _, ref := range solverSecrets(spec.Solvers) {
		secret, ok := read[ref.Name]
		if !ok {
			secret = &corev1.Secret{}
			err := c.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, secret)
			if err != nil && !apierrors.IsNotFound(err) {
				return notNow(ReasonInvalidSolver, fmt.Sprintf("failed to get secret %q: %v", ref.Name, err), 0)
			}
			if err != nil {
				problems = append(problems, fmt.Sprintf("failed to get secret %q: %v", ref.Name, err))
				secret = nil
			}
			read[ref.Name] = secret
		}
		if secret == nil {
			continue
		}
		if _, ok := secret.Data[ref.Key]; !ok {
			problems = append(problems, fmt.Sprintf("secret %q does not contain key %q", ref.Name, ref.Key))
		}
	}
	if len(problems) > 0 {
		return no(ReasonInvalidSolver, strings.Join(problems, "; "))
	}
	return nil
}

// register finds the account of key or makes one, and brings its contact up to
// date.
func (c *checker) register(ctx context.Context, issuer certsv1.GenericIssuer, namespace string, key crypto.Signer, hash string, status *acmev1.ACMEIssuerStatus) error {
	spec := issuer.GetSpec().ACME
	account := accountOf(spec, "")
	account.Key = key
	server, err := c.Accounts.Clients.New(account)
	if err != nil {
		return no(ReasonInvalidConfig, registerFailed+err.Error())
	}
	binding, err := c.binding(ctx, spec, namespace)
	if err != nil {
		return err
	}
	// Looking first keeps keys of external accounts that work only once from
	// being used again.
	info, err := server.Lookup(ctx)
	existed := err == nil
	if exchange.IsTerminal(err) {
		info, err = server.Register(ctx, spec.Email, binding)
	}
	if err != nil {
		return failed(ReasonErrRegister, registerFailed, err)
	}
	if existed && contactDiffers(info.Emails, spec.Email, status.LastRegisteredEmail) {
		if _, err := server.SetEmail(ctx, info.URI, spec.Email); err != nil {
			status.URI = info.URI
			return failed(ReasonErrUpdate, updateFailed, err)
		}
	}
	*status = acmev1.ACMEIssuerStatus{URI: info.URI, LastRegisteredEmail: spec.Email, LastPrivateKeyHash: hash}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers[issuer.GetUID()] = spec.Server
	return nil
}

// contactDiffers reports whether the account's contact needs an update. Many
// servers keep contacts to themselves; then the last one that we sent counts.
func contactDiffers(known []string, want, sent string) bool {
	if want == "" {
		return false // contacts cannot be taken away
	}
	if len(known) > 0 {
		return !strings.EqualFold(known[0], want)
	}
	return sent != want
}

// binding reads the external account, if there is one.
func (c *checker) binding(ctx context.Context, spec *acmev1.ACMEIssuer, namespace string) (*exchange.Binding, error) {
	eab := spec.ExternalAccountBinding
	if eab == nil {
		return nil, nil //nolint:nilnil // none is an answer
	}
	var secret corev1.Secret
	err := c.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: eab.KeySecretRef.Name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, no(ReasonErrRegister, registerFailed+"external account binding: "+err.Error())
	case err != nil:
		return nil, notNow(ReasonErrRegister, registerFailed+"external account binding: "+err.Error(), 0)
	}
	text, ok := secret.Data[eab.KeySecretRef.Key]
	if !ok {
		return nil, no(ReasonErrRegister, fmt.Sprintf("%sexternal account binding: secret %q does not contain key %q", registerFailed, eab.KeySecretRef.Name, eab.KeySecretRef.Key))
	}
	mac, err := exchange.DecodeMAC(string(text))
	if err != nil {
		return nil, no(ReasonErrRegister, fmt.Sprintf("%sexternal account binding: secret %q, key %q: the MAC key %v", registerFailed, eab.KeySecretRef.Name, eab.KeySecretRef.Key, err))
	}
	return &exchange.Binding{KeyID: eab.KeyID, MAC: mac}, nil
}
