package lint

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/shim"
)

// certificate fills in a Certificate and judges it, as the webhook does.
func (r *run) certificate(o *object, crt *certsv1.Certificate) field.ErrorList {
	var (
		options defaults.Options
		known   field.ErrorList
	)
	if crt.Spec.IssuerRef == (cmmeta.IssuerReference{}) {
		ref, refused := r.world.marked(crt.Namespace).Choose(r.opts.DefaultIssuer)
		if refused != nil {
			known = append(known, refused)
		}
		options.DefaultIssuer = ref
	}
	written := crt.Spec.SecretName
	patch, errs := defaults.Certificate(o.json, nil, options)
	for i, err := range errs {
		if err.Field == "spec.issuerRef" && err.Type == field.ErrorTypeRequired {
			errs[i] = field.Required(field.NewPath("spec", "issuerRef"), "name the Issuer or ClusterIssuer that signs: "+noDefault)
		}
	}
	if err := defaults.Fill(&crt.Spec, patch); err != nil {
		return append(errs, field.InternalError(field.NewPath("spec"), err))
	}
	if written != crt.Spec.SecretName {
		if secret := r.world.secrets[types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName}]; secret != nil {
			if refused := defaults.Adoption(crt.Name, secret); refused != nil {
				known = append(known, refused)
			}
		}
	}
	r.world.ask(asked{crt: crt, by: o})
	return validate.Merge(validate.Merge(known, errs), validate.CertificateNew(crt))
}

// defaultIssuerOfSource returns the issuer for an object that names none.
func (r *run) defaultIssuerOfSource(namespace string) (*cmmeta.IssuerReference, error) {
	ref, refused := r.world.marked(namespace).Choose(cmmeta.IssuerReference{})
	switch {
	case refused != nil:
		return nil, errors.New(refused.Detail)
	case ref == nil && r.opts.DefaultIssuer.Name == "":
		return nil, errors.New(noDefault)
	}
	return ref, nil
}

// certificates tells what is wrong with an object that asks for Certificates, and
// which.
func (r *run) certificates(o *object, src *shim.Source) {
	findings, wanted := shim.Review(src, r.shim)
	for _, f := range findings {
		level := Warning
		if f.Fatal {
			level = Error
		}
		r.tell(o.document, level, problem{f.Field, f.Message})
	}
	for _, crt := range wanted.Certificates {
		at := src.Mention(crt.Spec.SecretName)
		r.report.Certificates = append(r.report.Certificates, Made{
			File: o.file, Line: o.line(at), Kind: o.kind, Namespace: o.namespace, Name: o.name,
			Certificate: made(crt),
		})
		r.world.ask(asked{crt: crt, by: o, at: at})
	}
}

func made(crt *certsv1.Certificate) MadeCertificate {
	spec := &crt.Spec
	names := append([]string{}, slices.Concat(spec.DNSNames, spec.IPAddresses, spec.URIs, spec.EmailAddresses)...)
	ref := spec.IssuerRef.WithDefaults()
	return MadeCertificate{
		Name: crt.Name, SecretName: spec.SecretName, Names: names,
		IssuerRef: IssuerRef{Name: ref.Name, Kind: ref.Kind, Group: ref.Group},
	}
}

// compare warns of what Certificates show by themselves, beside each other and
// beside their issuers.
func (r *run) compare() {
	for _, a := range r.world.asked {
		r.doubt(a, validate.CertificateWarnings(a.crt))
		if issuer := r.world.issuer(a.crt.Spec.IssuerRef, a.crt.Namespace); issuer != nil {
			r.doubt(a, validate.CertificateIssuerWarnings(a.crt, issuer))
		}
		r.shared(a)
	}
}

// doubt tells warnings about a Certificate where it is asked for.
func (r *run) doubt(a *asked, warnings []string) {
	for _, warning := range warnings {
		p := located(warning)
		if a.at != "" {
			p = problem{a.at, fmt.Sprintf("of the Certificate %s: %s", a.crt.Name, warning)}
		}
		r.tell(a.by.document, Warning, p)
	}
}

// shared warns that others ask for the same Secret.
func (r *run) shared(a *asked) {
	other, twin := r.world.sharers(a)
	switch {
	case twin != nil && a.at != "":
		// One of two of the same name is made; the other is left alone.
		r.tell(a.by.document, Warning, problem{a.at, fmt.Sprintf("the Certificate %s is also that of %s (%s:%d); only one of them gets its way",
			a.crt.Name, joined(twin.by.kind, twin.by.namespace, twin.by.name), twin.by.file, twin.by.line(twin.at))})
	case other != "":
		r.doubt(a, validate.CertificateSecretWarnings(a.crt, []string{other}))
	}
}
