package shim

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Annotations of an Ingress, Gateway or ListenerSet. Those of the subject and
// of the names are spelled like the ones on a Secret, see certs/v1.
const (
	// TLSKey asks, when true, for certificates from the default issuer.
	TLSKey = "certwright.dev/tls"
	// DNSNamesKey replaces the hosts of the object by names of its own. With it,
	// several objects may share a Certificate.
	DNSNamesKey = "certwright.dev/dns-names"
	// RuleHostsKey, when true, has blocks of an Ingress without hosts take those
	// of its rules.
	RuleHostsKey = "certwright.dev/rule-hosts"
	// TLSACMEKey asks, when true, for the certificates of an Ingress.
	TLSACMEKey = "kubernetes.io/tls-acme"

	DurationKey              = "cert-manager.io/duration"
	RenewBeforeKey           = "cert-manager.io/renew-before"
	RenewBeforePercentageKey = "cert-manager.io/renew-before-percentage"
	UsagesKey                = "cert-manager.io/usages"
	RevisionHistoryLimitKey  = "cert-manager.io/revision-history-limit"
	KeyAlgorithmKey          = "cert-manager.io/private-key-algorithm"
	KeyEncodingKey           = "cert-manager.io/private-key-encoding"
	KeySizeKey               = "cert-manager.io/private-key-size"
	KeyRotationPolicyKey     = "cert-manager.io/private-key-rotation-policy"
	SecretTemplateKey        = "cert-manager.io/secret-template"

	// IgnoreListenersKey names the listeners of a Gateway or ListenerSet that
	// lead to no Certificate.
	IgnoreListenersKey = "cert-manager.io/ignore-tls-listeners"
	// RouteHostnamesKey has listeners without a hostname take, when true, those
	// of the HTTPRoutes that are attached to them.
	RouteHostnamesKey = "certwright.dev/route-hostnames"
	// ParentFallbackKey has, when true, the challenges of a ListenerSet answered
	// through its Gateway.
	ParentFallbackKey = "acme.cert-manager.io/http01-parentreffallback"

	HTTP01EditInPlaceKey      = "acme.cert-manager.io/http01-edit-in-place"
	HTTP01IngressClassKey     = "acme.cert-manager.io/http01-ingress-class"
	HTTP01IngressClassNameKey = "acme.cert-manager.io/http01-ingress-ingressclassname"
)

// Annotations of a Certificate that the HTTP-01 solver reads.
const (
	OverrideIngressNameKey      = "acme.cert-manager.io/http01-override-ingress-name"
	OverrideIngressClassKey     = "acme.cert-manager.io/http01-override-ingress-class"
	OverrideIngressClassNameKey = "acme.cert-manager.io/http01-override-ingress-ingressclassname"

	parentRefKindKey      = "acme.cert-manager.io/http01-parentrefkind"
	parentRefNameKey      = "acme.cert-manager.io/http01-parentrefname"
	parentRefNamespaceKey = "acme.cert-manager.io/http01-parentrefnamespace"
)

// Limits that are checked here so that the message names the annotation.
const (
	maxCommonName  = 64
	minDuration    = time.Hour
	minRenewBefore = 5 * time.Minute
	minRSA, maxRSA = 2048, 8192
)

// A row says which annotation sets which field of the Certificate. Rows are
// read from the top: the size of a key is judged by its algorithm.
type row struct {
	key  string
	path string
	set  func(crt *certsv1.Certificate, value string) error
}

// rows is every annotation that sets something on the Certificate. It never
// changes.
var rows = []row{
	{certsv1.CommonNameKey, "spec.commonName", setCommonName},
	{DNSNamesKey, "spec.dnsNames", replaceNames},
	{certsv1.AltNamesKey, "spec.dnsNames", addAltNames},
	{certsv1.IPSANsKey, "spec.ipAddresses", addIPs},
	{certsv1.URISANsKey, "spec.uris", setURIs},
	{certsv1.EmailSANsKey, "spec.emailAddresses", setEmails},
	{certsv1.OrganizationsKey, "spec.subject.organizations", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.Organizations })},
	{certsv1.OrganizationalUnitsKey, "spec.subject.organizationalUnits", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.OrganizationalUnits })},
	{certsv1.CountriesKey, "spec.subject.countries", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.Countries })},
	{certsv1.ProvincesKey, "spec.subject.provinces", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.Provinces })},
	{certsv1.LocalitiesKey, "spec.subject.localities", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.Localities })},
	{certsv1.PostalCodesKey, "spec.subject.postalCodes", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.PostalCodes })},
	{certsv1.StreetAddressesKey, "spec.subject.streetAddresses", subjectList(func(s *certsv1.X509Subject) *[]string { return &s.StreetAddresses })},
	{certsv1.SerialNumberKey, "spec.subject.serialNumber", setSerialNumber},
	{DurationKey, "spec.duration", duration(minDuration, func(s *certsv1.CertificateSpec) **metav1.Duration { return &s.Duration })},
	{RenewBeforeKey, "spec.renewBefore", duration(minRenewBefore, func(s *certsv1.CertificateSpec) **metav1.Duration { return &s.RenewBefore })},
	{RenewBeforePercentageKey, "spec.renewBeforePercentage", setRenewBeforePercentage},
	{UsagesKey, "spec.usages", setUsages},
	{RevisionHistoryLimitKey, "spec.revisionHistoryLimit", setRevisionHistoryLimit},
	{KeyAlgorithmKey, "spec.privateKey.algorithm", oneOf(func(k *certsv1.CertificatePrivateKey) *certsv1.PrivateKeyAlgorithm { return &k.Algorithm },
		certsv1.RSAKeyAlgorithm, certsv1.ECDSAKeyAlgorithm, certsv1.Ed25519KeyAlgorithm)},
	{KeyEncodingKey, "spec.privateKey.encoding", oneOf(func(k *certsv1.CertificatePrivateKey) *certsv1.PrivateKeyEncoding { return &k.Encoding },
		certsv1.PKCS1, certsv1.PKCS8)},
	{KeySizeKey, "spec.privateKey.size", setKeySize},
	{KeyRotationPolicyKey, "spec.privateKey.rotationPolicy", oneOf(func(k *certsv1.CertificatePrivateKey) *certsv1.PrivateKeyRotationPolicy { return &k.RotationPolicy },
		certsv1.RotationPolicyNever, certsv1.RotationPolicyAlways)},
	{SecretTemplateKey, "spec.secretTemplate", setSecretTemplate},
	{HTTP01EditInPlaceKey, "metadata.annotations", editInPlace},
	{HTTP01IngressClassKey, "metadata.annotations", annotate(OverrideIngressClassKey)},
	{HTTP01IngressClassNameKey, "metadata.annotations", annotate(OverrideIngressClassNameKey)},
}

// errNoValues is the answer to an annotation whose presence asks for something
// that its empty value does not say.
var errNoValues = errors.New("must not be empty")

func setCommonName(crt *certsv1.Certificate, value string) error {
	if len(value) > maxCommonName {
		return fmt.Errorf("must be no more than %d bytes", maxCommonName)
	}
	crt.Spec.CommonName = value
	return nil
}

// replaceNames puts a list in place of the hosts, IP addresses included.
func replaceNames(crt *certsv1.Certificate, value string) error {
	if strings.Trim(value, " ,") == "" {
		return errNoValues
	}
	crt.Spec.DNSNames, crt.Spec.IPAddresses = nil, nil
	return each(value, func(name string) error {
		if net.ParseIP(name) != nil {
			return fmt.Errorf("%q is an IP address; they go to %s", name, certsv1.IPSANsKey)
		}
		crt.Spec.DNSNames = append(crt.Spec.DNSNames, name)
		return nil
	})
}

func addAltNames(crt *certsv1.Certificate, value string) error {
	for _, name := range strings.Split(value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			crt.Spec.DNSNames = append(crt.Spec.DNSNames, name)
		}
	}
	return nil
}

func addIPs(crt *certsv1.Certificate, value string) error {
	return each(value, func(text string) error {
		if net.ParseIP(text) == nil {
			return fmt.Errorf("%q is not an IP address", text)
		}
		crt.Spec.IPAddresses = append(crt.Spec.IPAddresses, text)
		return nil
	})
}

func setURIs(crt *certsv1.Certificate, value string) error {
	crt.Spec.URIs = nil
	return each(value, func(text string) error {
		uri, err := url.Parse(text)
		if err != nil || uri.Scheme == "" {
			return fmt.Errorf("%q is not an absolute URI", text)
		}
		crt.Spec.URIs = append(crt.Spec.URIs, text)
		return nil
	})
}

func setEmails(crt *certsv1.Certificate, value string) error {
	crt.Spec.EmailAddresses = nil
	return each(value, func(text string) error {
		address, err := mail.ParseAddress(text)
		if err != nil || address.Address != text {
			return fmt.Errorf("%q is not a bare e-mail address", text)
		}
		crt.Spec.EmailAddresses = append(crt.Spec.EmailAddresses, text)
		return nil
	})
}

// each calls do with every trimmed element of a comma separated list. An empty
// list has none.
func each(list string, do func(string) error) error {
	if list == "" {
		return nil
	}
	for _, element := range strings.Split(list, ",") {
		if err := do(strings.TrimSpace(element)); err != nil {
			return err
		}
	}
	return nil
}

func subject(crt *certsv1.Certificate) *certsv1.X509Subject {
	if crt.Spec.Subject == nil {
		crt.Spec.Subject = &certsv1.X509Subject{}
	}
	return crt.Spec.Subject
}

// subjectList sets one list of the subject from one CSV record, so that values
// may hold commas.
func subjectList(list func(*certsv1.X509Subject) *[]string) func(*certsv1.Certificate, string) error {
	return func(crt *certsv1.Certificate, value string) error {
		records, err := csv.NewReader(strings.NewReader(value)).ReadAll()
		switch {
		case err != nil:
			return fmt.Errorf("must be one CSV record: %w", err)
		case len(records) == 0:
			return errNoValues
		case len(records) > 1:
			return errors.New("must be one CSV record: it has several lines")
		}
		*list(subject(crt)) = records[0]
		return nil
	}
}

func setSerialNumber(crt *certsv1.Certificate, value string) error {
	if value != "" {
		subject(crt).SerialNumber = value
	}
	return nil
}

func duration(least time.Duration, target func(*certsv1.CertificateSpec) **metav1.Duration) func(*certsv1.Certificate, string) error {
	return func(crt *certsv1.Certificate, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return errors.New("must be a duration in units up to hours, for example 2160h")
		}
		if d < least {
			return fmt.Errorf("must be at least %s", least)
		}
		*target(&crt.Spec) = &metav1.Duration{Duration: d}
		return nil
	}
}

func setRenewBeforePercentage(crt *certsv1.Certificate, value string) error {
	percentage, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return errors.New("must be a whole number")
	}
	n := int32(percentage)
	crt.Spec.RenewBeforePercentage = &n
	return nil
}

func setUsages(crt *certsv1.Certificate, value string) error {
	if value == "" {
		return errNoValues
	}
	crt.Spec.Usages = nil
	return each(value, func(text string) error {
		usage := certsv1.KeyUsage(text)
		if !certs.ValidUsage(usage) {
			return fmt.Errorf("%q is not a key usage; a valid one is for example %q", text, certsv1.UsageServerAuth)
		}
		crt.Spec.Usages = append(crt.Spec.Usages, usage)
		return nil
	})
}

func setRevisionHistoryLimit(crt *certsv1.Certificate, value string) error {
	limit, err := strconv.ParseInt(value, 10, 32)
	if err != nil || limit < 1 {
		return errors.New("must be a whole number, at least 1")
	}
	n := int32(limit)
	crt.Spec.RevisionHistoryLimit = &n
	return nil
}

func privateKey(crt *certsv1.Certificate) *certsv1.CertificatePrivateKey {
	if crt.Spec.PrivateKey == nil {
		crt.Spec.PrivateKey = &certsv1.CertificatePrivateKey{}
	}
	return crt.Spec.PrivateKey
}

// oneOf sets one word of the private key.
func oneOf[T ~string](target func(*certsv1.CertificatePrivateKey) *T, words ...T) func(*certsv1.Certificate, string) error {
	return func(crt *certsv1.Certificate, value string) error {
		if !slices.Contains(words, T(value)) {
			return fmt.Errorf("must be one of %q", words)
		}
		*target(privateKey(crt)) = T(value)
		return nil
	}
}

func setKeySize(crt *certsv1.Certificate, value string) error {
	size, err := strconv.Atoi(value)
	if err != nil {
		return errors.New("must be a whole number of bits")
	}
	key := privateKey(crt)
	switch key.Algorithm {
	case certsv1.Ed25519KeyAlgorithm: // has one size; kept because upstream keeps it
	case certsv1.ECDSAKeyAlgorithm:
		if size != 256 && size != 384 && size != 521 {
			return errors.New("must be 256, 384 or 521 with ECDSA")
		}
	default:
		if size < minRSA || size > maxRSA {
			return fmt.Errorf("must be between %d and %d with RSA", minRSA, maxRSA)
		}
	}
	key.Size = size
	return nil
}

func setSecretTemplate(crt *certsv1.Certificate, value string) error {
	var template certsv1.CertificateSecretTemplate
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&template); {
	case errors.Is(err, io.EOF):
		return errNoValues
	case err != nil:
		return fmt.Errorf("must be a JSON object with annotations and labels: %w", err)
	case decoder.More():
		return errors.New("must be one JSON object")
	}
	for key := range template.Annotations {
		if strings.HasPrefix(key, "cert-manager.io/") {
			return fmt.Errorf("annotation %q: keys under cert-manager.io/ are reserved", key)
		}
	}
	if len(template.Annotations) > 0 || len(template.Labels) > 0 {
		crt.Spec.SecretTemplate = &template
	}
	return nil
}

func editInPlace(crt *certsv1.Certificate, value string) error {
	owner := metav1.GetControllerOf(crt)
	if value != "true" || owner.Kind == ServiceKind { // has no paths
		return nil
	}
	crt.Annotations[OverrideIngressNameKey] = owner.Name
	crt.Annotations[certsv1.IssueTemporaryCertificateKey] = "true"
	return nil
}

// annotate copies the value to the annotation key of the Certificate.
func annotate(key string) func(*certsv1.Certificate, string) error {
	return func(crt *certsv1.Certificate, value string) error {
		if value != "" {
			crt.Annotations[key] = value
		}
		return nil
	}
}
