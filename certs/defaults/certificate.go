package defaults

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/util/validation/field"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// RevisionHistoryLimit is how many CertificateRequests of a Certificate are
// kept where it does not say.
const RevisionHistoryLimit = 1

// Options are the defaults that differ between clusters and namespaces.
type Options struct {
	// DefaultIssuer is used where no issuer is named; nil if there is none.
	DefaultIssuer *cmmeta.IssuerReference
}

// Certificate returns what to fill into a Certificate. raw is the object as it
// was sent, old, on update, the stored one; on create it is nil. The errors say
// what is missing and cannot be filled in; package validate reports the same
// fields with less to say about them (see validate.Merge).
//
// On create that is secretName (the name of the Certificate), issuerRef (the
// default issuer), issuerRef.kind and issuerRef.group, privateKey.algorithm,
// encoding and rotationPolicy, and revisionHistoryLimit. On update only
// secretName and issuerRef are carried over from old, so that a manifest that
// was good enough to create the object can replace it. An explicit "" is not
// absent: it stays, and is refused where it has no meaning.
//
// issuerRef.kind and issuerRef.group are filled in only where both belong to
// our own group. The kind of an external issuer is unknown, and a foreign kind
// without a group is a mistake, not an issuer of ours.
func Certificate(raw, old []byte, opts Options) ([]PatchOp, field.ErrorList) {
	top, err := readObject(raw)
	if err != nil {
		return nil, field.ErrorList{malformed("", err)}
	}
	spec, err := top.object("spec")
	if err != nil {
		return nil, field.ErrorList{malformed("spec", err)}
	}
	if old != nil {
		return carryOver(spec, old)
	}
	return create(top, spec, opts)
}

var specPath = field.NewPath("spec")

func create(top, spec object, opts Options) ([]PatchOp, field.ErrorList) {
	var members []member
	var errs field.ErrorList
	if !spec.has("secretName") {
		metadata, err := top.object("metadata")
		if err != nil {
			return nil, field.ErrorList{malformed("metadata", err)}
		}
		if name := metadata.text("name"); name != "" {
			members = append(members, member{"secretName", name})
		} else if metadata.text("generateName") != "" {
			errs = append(errs, field.Required(specPath.Child("secretName"),
				"cannot be taken from the name of the Certificate, which generateName makes up later; set secretName, or metadata.name instead of generateName"))
		}
	}
	var nested []PatchOp
	if !spec.has("issuerRef") {
		if opts.DefaultIssuer != nil {
			members = append(members, member{"issuerRef", opts.DefaultIssuer.WithDefaults()})
		} else {
			errs = append(errs, field.Required(specPath.Child("issuerRef"),
				`name the Issuer or ClusterIssuer that signs; there is no default issuer, which would be marked `+certsv1.DefaultIssuerKey+`: "true"`))
		}
	} else {
		ref, err := spec.object("issuerRef")
		if err != nil {
			return nil, field.ErrorList{malformed("spec.issuerRef", err)}
		}
		nested = append(nested, fill(ref, "/spec/issuerRef", issuerRef(ref))...)
	}
	key, err := spec.object("privateKey")
	if err != nil {
		return nil, field.ErrorList{malformed("spec.privateKey", err)}
	}
	if key == nil {
		whole := map[string]any{}
		for _, m := range privateKey(nil) {
			whole[m.name] = m.value
		}
		members = append(members, member{"privateKey", whole})
	} else {
		nested = append(nested, fill(key, "/spec/privateKey", privateKey(key))...)
	}
	if !spec.has("revisionHistoryLimit") {
		members = append(members, member{"revisionHistoryLimit", RevisionHistoryLimit})
	}
	return append(fill(spec, "/spec", members), nested...), errs
}

func issuerRef(ref object) []member {
	group, kind := ref.text("group"), ref.text("kind")
	if group != "" && group != cmmeta.DefaultIssuerGroup {
		return nil
	}
	if kind != "" && kind != certsv1.IssuerKind && kind != certsv1.ClusterIssuerKind {
		return nil
	}
	var members []member
	if !ref.has("kind") {
		members = append(members, member{"kind", cmmeta.DefaultIssuerKind})
	}
	if !ref.has("group") {
		members = append(members, member{"group", cmmeta.DefaultIssuerGroup})
	}
	return members
}

func privateKey(key object) []member {
	var members []member
	for _, m := range []member{
		{"algorithm", string(certsv1.RSAKeyAlgorithm)},
		{"encoding", string(certsv1.PKCS1)},
		{"rotationPolicy", string(certsv1.RotationPolicyAlways)},
	} {
		if !key.has(m.name) {
			members = append(members, m)
		}
	}
	return members
}

// carryOver takes secretName and issuerRef from old where they are missing.
func carryOver(spec object, old []byte) ([]PatchOp, field.ErrorList) {
	top, err := readObject(old)
	if err != nil {
		return nil, field.ErrorList{malformed("", err)}
	}
	before, err := top.object("spec")
	if err != nil {
		return nil, field.ErrorList{malformed("spec", err)}
	}
	var members []member
	for _, name := range []string{"secretName", "issuerRef"} {
		if !spec.has(name) && before.has(name) {
			members = append(members, member{name, json.RawMessage(before[name])})
		}
	}
	return fill(spec, "/spec", members), nil
}

func malformed(path string, err error) *field.Error {
	return &field.Error{Type: field.ErrorTypeTypeInvalid, Field: path, BadValue: field.OmitValueType{}, Detail: err.Error()}
}
