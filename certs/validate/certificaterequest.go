package validate

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

var conditionsPath = field.NewPath("status", "conditions")

// CertificateRequest returns what is wrong with a CertificateRequest that is
// about to be created.
func CertificateRequest(cr *certsv1.CertificateRequest) field.ErrorList {
	errs := issuerRef(cr.Spec.IssuerRef, specPath.Child("issuerRef"))
	errs = append(errs, request(&cr.Spec)...)
	errs = append(errs, decisions(cr)...)
	return presentable(errs)
}

// request demands a signing request that can be read and that asks for nothing
// else than the fields around it, which are what approvers look at.
func request(spec *certsv1.CertificateRequestSpec) field.ErrorList {
	var errs field.ErrorList
	for _, u := range spec.Usages {
		if !certs.ValidUsage(u) {
			errs = append(errs, field.Invalid(specPath.Child("usages"), string(u), unknownUsage))
		}
	}
	path := specPath.Child("request")
	if len(spec.Request) == 0 {
		return append(errs, field.Required(path, "set it to a certificate signing request: PKCS #10 as PEM, encoded as base64"))
	}
	// Whoever pastes a private key by mistake must not find it in a log: only
	// what is known to be a signing request is shown.
	if problem := signingRequestProblem(spec.Request); problem != "" {
		return append(errs, field.Invalid(path, spec.Request, problem))
	}
	csr, err := certs.DecodeCSR(spec.Request)
	if err != nil {
		return append(errs, field.Invalid(path, spec.Request, err.Error()+"; make a new signing request and sign it with its own key"))
	}
	if len(errs) > 0 {
		return errs // without knowing the usages nothing can be compared
	}
	if err := certs.CheckAgreement(spec, csr); err != nil {
		errs = append(errs, field.Invalid(path, string(spec.Request), err.Error()+"; change isCA and usages, or the signing request, so that both say the same"))
	}
	return errs
}

// signingRequestProblem says why data cannot be a signing request as PEM.
func signingRequestProblem(data []byte) string {
	if len(data) > certs.MaxCertificateSize {
		return fmt.Sprintf("is %d bytes long; use a signing request of at most %d", len(data), certs.MaxCertificateSize)
	}
	if bytes.Contains(data, []byte("PRIVATE KEY")) {
		return "holds a private key, which is to be treated as public from now on; make a new key and set only its signing request"
	}
	if block, _ := pem.Decode(data); block == nil {
		return "is not PEM; set it to a certificate signing request that begins with -----BEGIN CERTIFICATE REQUEST-----, encoded as base64"
	}
	return ""
}

// CertificateRequestUpdate returns what is wrong with the change from old to
// new: a request is asked once, and decided once.
func CertificateRequestUpdate(old, new *certsv1.CertificateRequest) field.ErrorList {
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(old.Spec, new.Spec) {
		errs = append(errs, field.Forbidden(specPath, "is immutable after creation; create another CertificateRequest"))
	}
	errs = append(errs, identityChanges(identityOf(&old.Spec), identityOf(&new.Spec), "is immutable; it says who created the request")...)
	errs = append(errs, frozenAnnotations(old.Annotations, new.Annotations)...)
	for _, t := range []certsv1.CertificateRequestConditionType{certsv1.CertificateRequestConditionApproved, certsv1.CertificateRequestConditionDenied} {
		before, after := conditionsOf(old, t), conditionsOf(new, t)
		if len(before) > 0 && !apiequality.Semantic.DeepEqual(before, after) {
			errs = append(errs, field.Forbidden(conditionsPath, fmt.Sprintf("%s may not be changed or removed once it is set; create another CertificateRequest", t)))
		}
	}
	errs = append(errs, introduced(decisions(old), decisions(new))...)
	return presentable(errs)
}

// frozenPrefixes begin the keys of annotations that say what a request is for.
var frozenPrefixes = []string{certsv1.GroupName, "acme." + certsv1.GroupName}

func frozenAnnotations(old, new map[string]string) field.ErrorList {
	keys := maps.Clone(old)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, new)
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		before, was := old[key]
		after, is := new[key]
		if was == is && before == after {
			continue
		}
		if slices.ContainsFunc(frozenPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			errs = append(errs, field.Forbidden(field.NewPath("metadata", "annotations").Child(key),
				"may not be added, changed or removed after creation; create another CertificateRequest"))
		}
	}
	return errs
}

// decisions demands at most one decision, which is final.
func decisions(cr *certsv1.CertificateRequest) field.ErrorList {
	var errs field.ErrorList
	var made int
	for _, t := range []certsv1.CertificateRequestConditionType{certsv1.CertificateRequestConditionApproved, certsv1.CertificateRequestConditionDenied} {
		conditions := conditionsOf(cr, t)
		if len(conditions) > 0 {
			made++
		}
		if len(conditions) > 1 {
			errs = append(errs, field.Forbidden(conditionsPath, fmt.Sprintf("%s is there %d times; set it once", t, len(conditions))))
		}
		for _, c := range conditions {
			if c.Status != cmmeta.ConditionTrue {
				errs = append(errs, field.Invalid(conditionsPath.Child(string(t)), string(c.Status), fmt.Sprintf("%s can only be True; leave it out while nothing is decided", t)))
			}
		}
	}
	if made > 1 {
		errs = append(errs, field.Forbidden(conditionsPath, "Approved and Denied exclude each other; set one of them"))
	}
	return errs
}

func conditionsOf(cr *certsv1.CertificateRequest, t certsv1.CertificateRequestConditionType) []certsv1.CertificateRequestCondition {
	var found []certsv1.CertificateRequestCondition
	for _, c := range cr.Status.Conditions {
		if c.Type == t {
			found = append(found, c)
		}
	}
	return found
}

// ApprovalAdded reports whether new has a decision, Approved or Denied, that
// old, which may be nil, does not have. Whoever adds one needs the permission
// to approve for the issuer.
func ApprovalAdded(old, new *certsv1.CertificateRequest) bool {
	for _, t := range []certsv1.CertificateRequestConditionType{certsv1.CertificateRequestConditionApproved, certsv1.CertificateRequestConditionDenied} {
		if new.Status.Condition(t) != nil && (old == nil || old.Status.Condition(t) == nil) {
			return true
		}
	}
	return false
}

// Requester returns an error for each field of cr that does not say who user,
// its creator, is. It fails closed: where the fields were not filled in from
// the same request, approvers would be misled.
func Requester(cr *certsv1.CertificateRequest, user authenticationv1.UserInfo) field.ErrorList {
	extra := map[string][]string{}
	for key, values := range user.Extra {
		extra[key] = values
	}
	is := identity{username: user.Username, uid: user.UID, groups: user.Groups, extra: extra}
	return identityChanges(is, identityOf(&cr.Spec), "must be that of whoever creates the request; leave it out, it is filled in")
}

// identity is who created a request.
type identity struct {
	username, uid string
	groups        []string
	extra         map[string][]string
}

func identityOf(spec *certsv1.CertificateRequestSpec) identity {
	return identity{username: spec.Username, uid: spec.UID, groups: spec.Groups, extra: spec.Extra}
}

// identityChanges returns one error with detail for each part in which a and b
// differ. The order of groups, and of the values of an extra, has no meaning.
func identityChanges(a, b identity, detail string) field.ErrorList {
	var errs field.ErrorList
	for _, part := range []struct {
		name string
		same bool
	}{
		{"uid", a.uid == b.uid},
		{"username", a.username == b.username},
		{"groups", sameElements(a.groups, b.groups)},
		{"extra", maps.EqualFunc(a.extra, b.extra, sameElements)},
	} {
		if !part.same {
			errs = append(errs, field.Forbidden(specPath.Child(part.name), detail))
		}
	}
	return errs
}

func sameElements(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
