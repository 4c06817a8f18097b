package validate

import (
	"maps"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const subdomain = "use at most 253 lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"

func secretName(spec *certsv1.CertificateSpec) field.ErrorList {
	path := specPath.Child("secretName")
	if spec.SecretName == "" {
		return field.ErrorList{field.Required(path, "name the Secret that is to hold the certificate")}
	}
	if len(validation.IsDNS1123Subdomain(spec.SecretName)) > 0 {
		return field.ErrorList{field.Invalid(path, spec.SecretName, "is not the name of a Secret; "+subdomain)}
	}
	return nil
}

// reservedPrefix is where the annotations of a Secret belong to us.
const reservedPrefix = certsv1.GroupName + "/"

func secretTemplate(spec *certsv1.CertificateSpec) field.ErrorList {
	template, path := spec.SecretTemplate, specPath.Child("secretTemplate")
	if template == nil {
		return nil
	}
	var errs field.ErrorList
	labels, annotations := path.Child("labels"), path.Child("annotations")
	for _, key := range slices.Sorted(maps.Keys(template.Labels)) {
		for _, problem := range validation.IsQualifiedName(key) {
			errs = append(errs, field.Invalid(labels, key, problem))
		}
		for _, problem := range validation.IsValidLabelValue(template.Labels[key]) {
			errs = append(errs, field.Invalid(labels, template.Labels[key], problem))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(template.Annotations)) {
		if strings.HasPrefix(key, reservedPrefix) && key != certsv1.AllowDirectInjectionKey {
			errs = append(errs, field.Invalid(annotations, key,
				"is reserved, keys under "+reservedPrefix+" are set from the certificate; use another prefix (only "+certsv1.AllowDirectInjectionKey+" may be set)"))
		}
		for _, problem := range validation.IsQualifiedName(strings.ToLower(key)) {
			errs = append(errs, field.Invalid(annotations, key, problem))
		}
	}
	if err := apivalidation.ValidateAnnotationsSize(template.Annotations); err != nil {
		errs = append(errs, tooLong(annotations, "", "may not be more than 256 KiB altogether; keep large values elsewhere"))
	}
	return errs
}

// unreservedLabels refuses labels by which we find Secrets: as a template they
// would fight with ours.
func unreservedLabels(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.SecretTemplate == nil {
		return nil
	}
	var errs field.ErrorList
	for _, key := range []string{certsv1.SecretManagedKey, certsv1.NextPrivateKeyKey} {
		if _, set := spec.SecretTemplate.Labels[key]; set {
			errs = append(errs, field.Invalid(specPath.Child("secretTemplate", "labels"), key, "is reserved; take this label out, it is set where it belongs"))
		}
	}
	return errs
}

func keystores(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.Keystores == nil {
		return nil
	}
	path := specPath.Child("keystores")
	var errs field.ErrorList
	if jks := spec.Keystores.JKS; jks != nil {
		errs = append(errs, keystorePassword(path.Child("jks"), jks.Password, jks.PasswordSecretRef)...)
	}
	if pkcs12 := spec.Keystores.PKCS12; pkcs12 != nil {
		errs = append(errs, keystorePassword(path.Child("pkcs12"), pkcs12.Password, pkcs12.PasswordSecretRef)...)
		errs = append(errs, oneOf(path.Child("pkcs12", "profile"), pkcs12.Profile, certsv1.LegacyRC2PKCS12Profile,
			certsv1.LegacyDESPKCS12Profile, certsv1.Modern2023PKCS12Profile, certsv1.Modern2026PKCS12Profile)...)
	}
	return errs
}

// keystorePassword demands exactly one source of a password, also where the
// keystore is switched off. The password itself is in none of the errors.
func keystorePassword(path *field.Path, password *string, ref *cmmeta.SecretKeySelector) field.ErrorList {
	var errs field.ErrorList
	inSecret := ref != nil && ref.Name != ""
	if password != nil && inSecret {
		errs = append(errs, field.Forbidden(path, "has two passwords; keep one of passwordSecretRef and password"))
	}
	if password == nil && !inSecret {
		errs = append(errs, field.Forbidden(path, "has no password; set passwordSecretRef to the name and key of a Secret, or take the keystore out"))
	}
	if password != nil && *password == "" {
		errs = append(errs, field.Forbidden(path.Child("password"), "may not be empty; take it out and set passwordSecretRef"))
	}
	return errs
}

func additionalOutputFormats(spec *certsv1.CertificateSpec) field.ErrorList {
	path := specPath.Child("additionalOutputFormats")
	var errs field.ErrorList
	seen := map[certsv1.CertificateOutputFormatType]bool{}
	for i, format := range spec.AdditionalOutputFormats {
		if format.Type == "" {
			errs = append(errs, field.Required(path.Index(i).Child("type"), "use DER or CombinedPEM"))
			continue
		}
		errs = append(errs, oneOf(path.Index(i).Child("type"), format.Type, certsv1.CertificateOutputFormatDER, certsv1.CertificateOutputFormatCombinedPEM)...)
		if seen[format.Type] {
			duplicate := field.Duplicate(path.Key("type"), string(format.Type))
			duplicate.Detail = "list each format once"
			errs = append(errs, duplicate)
		}
		seen[format.Type] = true
	}
	return errs
}
