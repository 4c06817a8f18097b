package main

import (
	"crypto/sha1" // a fingerprint that others print too, not a proof
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// inspectCommand looks into things.
func inspectCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "inspect", Short: "Look at the certificate in a Secret"}
	cmd.AddCommand(inspectSecret())
	return cmd
}

func inspectSecret() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "secret NAME",
		Short: "Look at the certificate in a Secret",
		Long: `Look at the certificate in a Secret: whom it is for, how long it is valid, who
signed it, and whether the private key belongs to it. Of the key itself nothing
is shown. No server is asked whether the certificate is revoked.`,
		Example: `  certctl inspect secret web-tls -n shop
  kubectl get secret web-tls -o yaml | certctl inspect secret -f -`,
	}
	to := connect(cmd)
	cmd.Flags().StringVarP(&file, "filename", "f", "", "read the Secret from this manifest, - for standard input, instead of the cluster")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		secret := &corev1.Secret{}
		if file != "" {
			if len(args) > 0 {
				return fmt.Errorf("name a Secret, or read one from a file, not both")
			}
			if err := readSecret(cmd.InOrStdin(), file, secret); err != nil {
				return fmt.Errorf("inspect %s: %w", file, err)
			}
		} else {
			if err := oneName("Secret")(cmd, args); err != nil {
				return err
			}
			in, err := to.open()
			if err != nil {
				return err
			}
			key := types.NamespacedName{Namespace: in.namespace, Name: args[0]}
			if err := in.Get(cmd.Context(), key, secret); err != nil {
				return fmt.Errorf("inspect Secret %s: %w", key, err)
			}
		}
		out, err := inspectText(secret, time.Now())
		if err != nil {
			return fmt.Errorf("inspect Secret %s: %w", secret.Name, err)
		}
		_, err = io.WriteString(cmd.OutOrStdout(), out)
		return err
	}
	return cmd
}

// maxManifest bounds what is read as a Secret, which the API server does not
// let grow beyond 1 MiB of data.
const maxManifest = 4 << 20

func readSecret(stdin io.Reader, file string, into *corev1.Secret) error {
	from := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxManifest+1))
	if err != nil {
		return err
	}
	if len(data) > maxManifest {
		return fmt.Errorf("longer than %d bytes", maxManifest)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		return fmt.Errorf("not a Secret in YAML or JSON") // the error of the parser may quote the key
	}
	if into.Kind != "Secret" {
		return fmt.Errorf("not a Secret but of kind %q", into.Kind)
	}
	return nil
}

// inspectText says all about the certificate in secret.
func inspectText(secret *corev1.Secret, now time.Time) (string, error) {
	if len(secret.Data[cmmeta.TLSCertKey]) == 0 {
		return "", fmt.Errorf("it has no certificate under %s", cmmeta.TLSCertKey)
	}
	chain, err := certs.DecodeChain(secret.Data[cmmeta.TLSCertKey])
	if err != nil {
		return "", fmt.Errorf("%s: %w", cmmeta.TLSCertKey, err)
	}
	leaf := chain[0]
	t := &text{now: now}
	names := certs.NamesOf(leaf)
	t.block("Valid for", func() {
		t.list("DNS Names", names.DNSNames)
		t.list("URIs", names.URIs)
		t.list("IP Addresses", names.IPAddresses)
		t.list("Email Addresses", names.EmailAddresses)
		key, extended := usages(leaf)
		t.list("Usages", append(key, extended...))
	})
	t.block("Validity period", func() {
		t.line("Not Before: %s", leaf.NotBefore.UTC().Format(time.RFC3339))
		t.line("Not After: %s%s", leaf.NotAfter.UTC().Format(time.RFC3339), validity(leaf, now))
	})
	t.block("Issued By", func() { t.name(leaf.Issuer) })
	t.block("Issued For", func() { t.name(leaf.Subject) })
	t.block("Certificate", func() {
		t.line("Signing Algorithm: %s", leaf.SignatureAlgorithm)
		algorithm, size := certs.DescribeKey(leaf.PublicKey)
		t.line("Public Key Algorithm: %s", strings.TrimSuffix(fmt.Sprintf("%s %d", algorithm, size), " 0"))
		t.line("Serial Number: %s", leaf.SerialNumber)
		t.fingerprints(leaf)
		t.line("Is a CA certificate: %t", leaf.IsCA)
		t.line("CRL: %s", orNone(leaf.CRLDistributionPoints))
		t.line("OCSP: %s", orNone(leaf.OCSPServer))
	})
	t.chain("Chain", chain[1:])
	t.authority(secret)
	t.block("Debugging", func() {
		t.line("Private key belongs to the certificate: %s", keyFits(secret, leaf))
		t.line("Trusted by ca.crt of this Secret: %s", trustedByOwn(secret, chain, now))
		t.line("Trusted by this computer: %s", trusted(chain, nil, now))
	})
	return t.out.String(), nil
}

func (t *text) list(heading string, items []string) {
	if len(items) == 0 {
		t.line("%s: <none>", heading)
		return
	}
	t.block(heading, func() {
		for _, item := range items {
			t.line("- %s", item)
		}
	})
}

func (t *text) name(n pkix.Name) {
	t.line("Common Name: %s", orNone([]string{n.CommonName}))
	t.line("Organization: %s", orNone(n.Organization))
	t.line("OrganizationalUnit: %s", orNone(n.OrganizationalUnit))
	t.line("Country: %s", orNone(n.Country))
}

func (t *text) fingerprints(c *x509.Certificate) {
	t.line("Fingerprint (SHA-256): %s", colons(sha256.Sum256(c.Raw)))
	t.line("Fingerprint (SHA-1): %s", colons(sha1.Sum(c.Raw)))
}

// chain lists the certificates behind the leaf.
func (t *text) chain(heading string, chain []*x509.Certificate) {
	if len(chain) == 0 {
		t.line("%s: <none>", heading)
		return
	}
	t.block(heading, func() {
		for _, c := range chain {
			t.line("- %s, valid until %s, signed by %s", c.Subject, c.NotAfter.UTC().Format(time.RFC3339), c.Issuer)
		}
	})
}

// authority shows ca.crt.
func (t *text) authority(secret *corev1.Secret) {
	data := secret.Data[cmmeta.TLSCAKey]
	if len(data) == 0 {
		t.line("CA (%s): <none>", cmmeta.TLSCAKey)
		return
	}
	ca, err := certs.DecodeChain(data)
	if err != nil {
		t.line("CA (%s): cannot be read: %v", cmmeta.TLSCAKey, err)
		return
	}
	t.chain(fmt.Sprintf("CA (%s)", cmmeta.TLSCAKey), ca)
}

func validity(c *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(c.NotBefore):
		return " (not valid yet)"
	case now.After(c.NotAfter):
		return " (expired)"
	default:
		return ""
	}
}

// keyFits says no more of the private key than whether it belongs to c.
func keyFits(secret *corev1.Secret, c *x509.Certificate) string {
	data := secret.Data[cmmeta.TLSPrivateKeyKey]
	if len(data) == 0 {
		return "no, there is none"
	}
	key, err := certs.DecodeKey(data)
	if err != nil {
		return "no, it cannot be read: " + err.Error()
	}
	if !certs.SamePublicKey(key.Public(), c.PublicKey) {
		return "no"
	}
	return "yes"
}

func trustedByOwn(secret *corev1.Secret, chain []*x509.Certificate, now time.Time) string {
	ca, err := certs.DecodeChain(secret.Data[cmmeta.TLSCAKey])
	if err != nil {
		return "no, there is none that can be read"
	}
	roots := x509.NewCertPool()
	for _, c := range ca {
		roots.AddCert(c)
	}
	return trusted(chain, roots, now)
}

// trusted says whether the chain leads to one of roots, nil being those of this
// computer.
func trusted(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) string {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return "no: " + err.Error()
	}
	return "yes"
}

var (
	// keyUsageNames are the bits of the key usage extension in their order.
	keyUsageNames = []certsv1.KeyUsage{
		certsv1.UsageDigitalSignature, certsv1.UsageContentCommitment, certsv1.UsageKeyEncipherment, certsv1.UsageDataEncipherment,
		certsv1.UsageKeyAgreement, certsv1.UsageCertSign, certsv1.UsageCRLSign, certsv1.UsageEncipherOnly, certsv1.UsageDecipherOnly,
	}
	extKeyUsageNames = []certsv1.KeyUsage{
		certsv1.UsageAny, certsv1.UsageServerAuth, certsv1.UsageClientAuth, certsv1.UsageCodeSigning, certsv1.UsageEmailProtection,
		certsv1.UsageIPsecEndSystem, certsv1.UsageIPsecTunnel, certsv1.UsageIPsecUser, certsv1.UsageTimestamping, certsv1.UsageOCSPSigning,
		certsv1.UsageMicrosoftSGC, certsv1.UsageNetscapeSGC,
	}
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37} // RFC 5280 section 4.2.1.12
)

// usages names what c may be used for, in the words of spec.usages. What has no
// word there keeps its number.
func usages(c *x509.Certificate) (key, extended []string) {
	for _, name := range keyUsageNames {
		if bit, _, err := certs.Usages([]certsv1.KeyUsage{name}, false); err == nil && c.KeyUsage&bit != 0 {
			key = append(key, string(name))
		}
	}
	at := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidExtKeyUsage) })
	if at < 0 {
		return key, nil
	}
	var ids []asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(c.Extensions[at].Value, &ids); err != nil {
		return key, nil // x509 has parsed it already
	}
	for _, id := range ids {
		word := id.String()
		for _, name := range extKeyUsageNames {
			if _, known, err := certs.Usages([]certsv1.KeyUsage{name}, false); err == nil && slices.ContainsFunc(known, id.Equal) {
				word = string(name)
			}
		}
		extended = append(extended, word)
	}
	return key, extended
}

func orNone(items []string) string {
	if text := strings.Join(items, ", "); text != "" {
		return text
	}
	return "<none>"
}

func colons[T [sha1.Size]byte | [sha256.Size]byte](sum T) string {
	var parts []string
	for i := range len(sum) {
		parts = append(parts, strings.ToUpper(hex.EncodeToString([]byte{sum[i]})))
	}
	return strings.Join(parts, ":")
}
