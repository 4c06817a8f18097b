package exchange

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	jose "github.com/go-jose/go-jose/v4"

	lego "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
)

var errNoLocation = errors.New("the server did not say where the new object is (no Location header)")

// AccountInfo is an account as the server sees it.
type AccountInfo struct {
	URI string
	// Emails are the contacts; a server may keep them to itself.
	Emails []string
}

// A Binding ties an account to one that exists outside ACME (RFC 8555 section
// 7.3.4).
type Binding struct {
	KeyID string
	// MAC is the key that the CA gave, decoded.
	MAC []byte
}

// DecodeMAC reads the key of a Binding in whichever base64 people paste it.
func DecodeMAC(text string) ([]byte, error) {
	text = strings.Join(strings.Fields(text), "")
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	if text == "" {
		return nil, errors.New("is empty")
	}
	mac, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("is not base64") // without what it is: a secret
	}
	return mac, nil
}

// CheckKey reports whether key can sign requests.
func CheckKey(key crypto.Signer) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
		return fmt.Errorf("the account key is on the curve %s; RSA, P-256 and P-384 can be used", k.Curve.Params().Name)
	default:
		return errors.New("the account key is not an RSA, P-256 or P-384 key")
	}
}

// thumbprint of the account key (RFC 7638).
func thumbprint(key crypto.Signer) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint of the account key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// Lookup finds the account of the key, or fails with accountDoesNotExist.
func (c *Client) Lookup(ctx context.Context) (AccountInfo, error) {
	return c.newAccount(ctx, func(core *api.Core) (lego.ExtendedAccount, error) {
		return core.Accounts.New(lego.Account{OnlyReturnExisting: true})
	})
}

// Register makes an account for the key, or finds the one that exists. Email
// and binding may be empty.
func (c *Client) Register(ctx context.Context, email string, binding *Binding) (AccountInfo, error) {
	wish := lego.Account{TermsOfServiceAgreed: true, Contact: contact(email)}
	return c.newAccount(ctx, func(core *api.Core) (lego.ExtendedAccount, error) {
		if binding == nil {
			return core.Accounts.New(wish)
		}
		return core.Accounts.NewEAB(wish, binding.KeyID, base64.RawURLEncoding.EncodeToString(binding.MAC))
	})
}

// SetEmail replaces the contacts of the account at uri.
func (c *Client) SetEmail(ctx context.Context, uri, email string) (AccountInfo, error) {
	return c.account1(ctx, uri, actionAccount, func(core *api.Core) (lego.ExtendedAccount, error) {
		got, err := core.Accounts.Update(uri, lego.Account{Contact: contact(email)})
		return lego.ExtendedAccount{Account: got, Location: uri}, err
	})
}

func (c *Client) newAccount(ctx context.Context, f func(*api.Core) (lego.ExtendedAccount, error)) (AccountInfo, error) {
	return c.account1(ctx, "", actionNewAccount, f)
}

// account1 runs f on a line that nobody else gets: lego changes the key ID of
// the line when an account was found, and a line with a key ID signs newAccount
// wrongly.
func (c *Client) account1(ctx context.Context, kid, action string, f func(*api.Core) (lego.ExtendedAccount, error)) (AccountInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	dir, err := c.directory(ctx)
	if err != nil {
		return AccountInfo{}, err
	}
	private := *dir
	l, err := c.newLine(ctx, &private, kid)
	if err != nil {
		return AccountInfo{}, err
	}
	var got lego.ExtendedAccount
	if _, err := c.over(ctx, l, action, func(core *api.Core) (err error) {
		got, err = f(core)
		return err
	}); err != nil {
		return AccountInfo{}, err
	}
	if got.Location == "" {
		return AccountInfo{}, &Error{Class: Transient, Host: c.host, Err: errNoLocation}
	}
	info := AccountInfo{URI: got.Location}
	for _, contact := range got.Contact {
		if email, ok := strings.CutPrefix(contact, "mailto:"); ok {
			info.Emails = append(info.Emails, email)
		}
	}
	return info, nil
}

func contact(email string) []string {
	if email == "" {
		return nil
	}
	return []string{"mailto:" + strings.ToLower(email)}
}
