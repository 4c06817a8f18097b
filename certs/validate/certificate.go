package validate

import (
	"errors"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

var specPath = field.NewPath("spec")

// A certificateRule reports all that is wrong with one aspect of a spec.
type certificateRule func(spec *certsv1.CertificateSpec) field.ErrorList

// Certificate returns what is wrong with any Certificate, old or new: what
// cert-manager refuses.
func Certificate(crt *certsv1.Certificate) field.ErrorList {
	return presentable(certificate(&crt.Spec))
}

// CertificateNew returns what is wrong with a Certificate that is about to be
// created: the errors of Certificate, and what can never be issued.
func CertificateNew(crt *certsv1.Certificate) field.ErrorList {
	return presentable(newCertificate(&crt.Spec))
}

// CertificateUpdate returns the errors of CertificateNew(new) that old does not
// have. Fields that did not change are never a reason to refuse.
func CertificateUpdate(old, new *certsv1.Certificate) field.ErrorList {
	errs := newCertificate(&new.Spec)
	if len(errs) == 0 {
		return nil
	}
	before := old.Spec.DeepCopy()
	if !apiequality.Semantic.DeepEqual(old.Spec.Renewal, new.Spec.Renewal) {
		// Windows are judged as a whole: who edits one is told of all.
		before.Renewal = nil
	}
	return presentable(introduced(newCertificate(before), errs))
}

func certificate(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for _, rule := range []certificateRule{
		secretName,
		certificateIssuerRef,
		commonName,
		subject,
		literalSubject,
		ipAddresses,
		emailAddresses,
		otherNames,
		anyName,
		duration,
		renewBefore,
		renewBeforePercentage,
		renewal,
		usages,
		privateKey,
		signatureAlgorithm,
		revisionHistoryLimit,
		secretTemplate,
		keystores,
		additionalOutputFormats,
		nameConstraints,
	} {
		errs = append(errs, rule(spec)...)
	}
	return errs
}

func newCertificate(spec *certsv1.CertificateSpec) field.ErrorList {
	errs := certificate(spec)
	for _, rule := range []certificateRule{
		encodableDNSNames,
		encodableURIs,
		encodableEmailAddresses,
		encodableOtherNames,
		encodableNameConstraints,
		lastingWindows,
		effectivePercentage,
		unreservedLabels,
	} {
		errs = append(errs, rule(spec)...)
	}
	return append(errs, encodable(spec, errs)...)
}

// encodable refuses a spec that no signing request can be made of, for reasons
// that no rule before it has found.
func encodable(spec *certsv1.CertificateSpec, known field.ErrorList) field.ErrorList {
	_, err := certs.RequestTemplate(spec)
	if err == nil {
		return nil
	}
	refused := &field.Error{Type: field.ErrorTypeInvalid, Field: specPath.String(), BadValue: field.OmitValueType{}, Detail: err.Error()}
	if encode := (*certs.EncodeError)(nil); errors.As(err, &encode) {
		refused.Field, refused.Detail = encode.Path, encode.Err.Error()
	}
	if names(known, refused.Field) {
		return nil
	}
	return field.ErrorList{refused}
}

func certificateIssuerRef(spec *certsv1.CertificateSpec) field.ErrorList {
	return issuerRef(spec.IssuerRef, specPath.Child("issuerRef"))
}

func usages(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, u := range spec.Usages {
		if !certs.ValidUsage(u) {
			errs = append(errs, field.Invalid(specPath.Child("usages").Index(i), string(u), unknownUsage))
		}
	}
	return errs
}

const unknownUsage = `is not a key usage; use names such as "digital signature", "key encipherment", "server auth" and "client auth"`

func revisionHistoryLimit(spec *certsv1.CertificateSpec) field.ErrorList {
	if limit := spec.RevisionHistoryLimit; limit != nil && *limit < 1 {
		return field.ErrorList{field.Invalid(specPath.Child("revisionHistoryLimit"), *limit, "must be at least 1; leave it out for 1")}
	}
	return nil
}
