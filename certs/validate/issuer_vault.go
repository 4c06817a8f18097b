package validate

import (
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

func vaultIssuer(v *certsv1.VaultIssuer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v.Server == "" {
		errs = append(errs, field.Required(path.Child("server"), "set the URL of Vault, for example https://vault.example.com:8200"))
	}
	if v.Path == "" {
		errs = append(errs, field.Required(path.Child("path"), "set the path that signs, for example pki_int/sign/web"))
	}
	errs = append(errs, noClimbing(v.Path, path.Child("path"))...)
	errs = append(errs, caBundle(v.CABundle, path.Child("caBundle"))...)
	if len(v.CABundle) > 0 && isSet(v.CABundleSecretRef) {
		errs = append(errs, exclusive(path, "caBundle", "caBundleSecretRef")...)
	}
	switch cert, key := isSet(v.ClientCertSecretRef), isSet(v.ClientKeySecretRef); {
	case cert && !key:
		errs = append(errs, field.Required(path.Child("clientKeySecretRef"), "name the private key of clientCertSecretRef, or take that out"))
	case key && !cert:
		errs = append(errs, field.Required(path.Child("clientCertSecretRef"), "name the certificate of clientKeySecretRef, or take that out"))
	}
	return append(errs, vaultAuth(&v.Auth, path.Child("auth"))...)
}

// vaultAuth judges each way to log in. That there are several is allowed, as
// cert-manager does; IssuerWarnings says which one is used.
func vaultAuth(auth *certsv1.VaultAuth, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if auth.TokenSecretRef == nil && auth.AppRole == nil && auth.ClientCertificate == nil && auth.Kubernetes == nil && auth.AWS == nil {
		errs = append(errs, field.Required(path, "set one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws"))
	}
	if auth.TokenSecretRef != nil {
		errs = append(errs, secretRef(*auth.TokenSecretRef, path.Child("tokenSecretRef"))...)
	}
	if a := auth.AppRole; a != nil {
		path := path.Child("appRole")
		errs = append(errs, noClimbing(a.Path, path.Child("path"))...)
		if a.RoleID == "" {
			errs = append(errs, field.Required(path.Child("roleId"), "set the role ID of the AppRole"))
		}
		errs = append(errs, secretRef(a.SecretRef, path.Child("secretRef"))...)
	}
	if a := auth.ClientCertificate; a != nil {
		// The path of mountPath is cert-manager's spelling.
		errs = append(errs, noClimbing(a.Path, path.Child("clientCertificate", "path"))...)
	}
	if a := auth.Kubernetes; a != nil {
		errs = append(errs, vaultKubernetes(a, path.Child("kubernetes"))...)
	}
	if a := auth.AWS; a != nil {
		path := path.Child("aws")
		errs = append(errs, noClimbing(a.Path, path.Child("mountPath"))...)
		if a.Role == "" {
			errs = append(errs, field.Required(path.Child("role"), roleNeeded))
		}
		errs = append(errs, vaultServiceAccount(a.ServiceAccountRef, path.Child("serviceAccountRef"))...)
		if a.ServiceAccountRef != nil && a.IAMRoleARN == "" {
			errs = append(errs, field.Required(path.Child("iamRoleArn"), "set the IAM role that the ServiceAccount assumes, or take serviceAccountRef out"))
		}
	}
	return errs
}

const roleNeeded = "set the role of Vault to log in to"

func vaultKubernetes(a *certsv1.VaultKubernetesAuth, path *field.Path) field.ErrorList {
	errs := noClimbing(a.Path, path.Child("path")) // cert-manager's spelling
	if a.Role == "" {
		errs = append(errs, field.Required(path.Child("role"), roleNeeded))
	}
	switch {
	case isSet(a.SecretRef) && a.ServiceAccountRef != nil:
		errs = append(errs, field.Forbidden(path, "may not have two tokens; keep one of secretRef and serviceAccountRef"))
	case !isSet(a.SecretRef) && a.ServiceAccountRef == nil:
		errs = append(errs, field.Required(path, "set one of serviceAccountRef and secretRef, where the token comes from"))
	}
	return append(errs, vaultServiceAccount(a.ServiceAccountRef, path.Child("serviceAccountRef"))...)
}

func vaultServiceAccount(ref *certsv1.ServiceAccountRef, path *field.Path) field.ErrorList {
	if ref != nil && ref.Name == "" {
		return field.ErrorList{field.Required(path.Child("name"), "name the ServiceAccount")}
	}
	return nil
}

// noClimbing refuses paths that leave the place that they name, also where the
// dots are escaped, however often: we do not know who unescapes them on the way.
// With such a path somebody who may only write an Issuer would choose what our
// Vault role is used for.
func noClimbing(p string, path *field.Path) field.ErrorList {
	for text, more := p, true; more; text, more = unescaped(text) {
		if slices.Contains(strings.Split(text, "/"), "..") {
			return field.ErrorList{field.Invalid(path, p, `may not have ".." in it; write the whole path`)}
		}
	}
	return nil
}

// unescaped returns s with what is escaped in it replaced, and whether that is
// anything.
func unescaped(s string) (string, bool) {
	plain, err := url.PathUnescape(s)
	if err != nil {
		return "", false // no path of any URL
	}
	return plain, plain != s
}
