package validate

import (
	"crypto/x509"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Issuer returns what is wrong with the spec of an Issuer or a ClusterIssuer.
func Issuer(spec *certsv1.IssuerSpec) field.ErrorList { return presentable(issuer(spec)) }

// IssuerUpdate returns the errors of Issuer(new) that old does not have.
func IssuerUpdate(old, new *certsv1.IssuerSpec) field.ErrorList {
	return presentable(introduced(issuer(old), issuer(new)))
}

func issuer(spec *certsv1.IssuerSpec) field.ErrorList {
	var errs field.ErrorList
	var first string
	for _, t := range []struct {
		name  string
		set   bool
		rules func(path *field.Path) field.ErrorList
	}{
		{"acme", spec.ACME != nil, func(path *field.Path) field.ErrorList { return acmeIssuer(spec.ACME, path) }},
		{"ca", spec.CA != nil, func(path *field.Path) field.ErrorList { return caIssuer(spec.CA, path) }},
		{"vault", spec.Vault != nil, func(path *field.Path) field.ErrorList { return vaultIssuer(spec.Vault, path) }},
		{"selfSigned", spec.SelfSigned != nil, func(*field.Path) field.ErrorList { return nil }},
		{"venafi", spec.Venafi != nil, func(path *field.Path) field.ErrorList { return venafiIssuer(spec.Venafi, path) }},
	} {
		if !t.set {
			continue
		}
		path := specPath.Child(t.name)
		if first == "" {
			first = t.name
		} else {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("may not specify more than one issuer type; keep %s or %s", first, t.name)))
		}
		errs = append(errs, t.rules(path)...)
	}
	if first == "" {
		errs = append(errs, field.Required(specPath, "at least one issuer must be configured: acme, ca, vault, selfSigned or venafi"))
	}
	return errs
}

func caIssuer(ca *certsv1.CAIssuer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if ca.SecretName == "" {
		errs = append(errs, field.Required(path.Child("secretName"), "name the Secret with the certificate and the key of the CA"))
	}
	for _, list := range []struct {
		path string // ocspServer is cert-manager's spelling
		urls []string
	}{
		{"issuingCertificateURLs", ca.IssuingCertificateURLs},
		{"ocspServer", ca.OCSPServers},
	} {
		for i, u := range list.urls {
			if u == "" {
				errs = append(errs, field.Invalid(path.Child(list.path).Index(i), u, "is empty; write a URL, or take the entry out"))
			}
		}
	}
	return errs
}

// caBundle demands that a bundle, if there is one, holds a certificate.
func caBundle(bundle []byte, path *field.Path) field.ErrorList {
	if len(bundle) == 0 {
		return nil
	}
	if len(bundle) > certs.MaxBundleSize {
		return field.ErrorList{field.Invalid(path, bundle, fmt.Sprintf("is %d bytes long, the limit is %d; list only the CAs of this server", len(bundle), certs.MaxBundleSize))}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(bundle) {
		return field.ErrorList{field.Invalid(path, bundle, "holds no certificate that can be read; set it to certificates as PEM, encoded as base64")}
	}
	return nil
}

// secretKey demands both parts of a reference to an entry of a Secret.
func secretKey(ref cmmeta.SecretKeySelector, path *field.Path) field.ErrorList {
	errs := secretRef(ref, path)
	if ref.Key == "" {
		errs = append(errs, field.Required(path.Child("key"), "name the key in the Secret's data"+atRealField(path)))
	}
	return errs
}

// secretRef demands the name of a Secret.
func secretRef(ref cmmeta.SecretKeySelector, path *field.Path) field.ErrorList {
	if ref.Name == "" {
		return field.ErrorList{field.Required(path.Child("name"), "name the Secret"+atRealField(path))}
	}
	return nil
}

// atRealField names the field where cert-manager's path, which is part of its
// interface, leaves out its ending.
func atRealField(path *field.Path) string {
	name := path.String()[strings.LastIndex(path.String(), ".")+1:]
	if strings.HasSuffix(name, "Ref") {
		return ""
	}
	return " in " + name + "SecretRef"
}

// isSet reports whether ref names a Secret.
func isSet(ref *cmmeta.SecretKeySelector) bool { return ref != nil && ref.Name != "" }

// exclusive refuses both of two fields that exclude each other.
func exclusive(path *field.Path, one, other string) field.ErrorList {
	detail := fmt.Sprintf("may not be set together; keep one of %s and %s", one, other)
	return field.ErrorList{field.Forbidden(path.Child(one), detail), field.Forbidden(path.Child(other), detail)}
}
