package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	"github.com/certwright/certwright/certs/rawjson"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/webhook/review"
)

// fillIn fills in what a Certificate leaves out, and validates what comes of it.
func (j *judge) fillIn(ctx context.Context, req *review.Request) review.Answer {
	now, before, refusal := documents(req)
	if refusal != nil {
		return *refusal
	}
	crt, err := now.certificate()
	if err != nil {
		return *malformed("%v", err)
	}
	var (
		options defaults.Options
		old     []byte
		known   field.ErrorList
	)
	if before != nil {
		old = before.outline()
	} else if crt.Spec.IssuerRef == (cmmeta.IssuerReference{}) {
		ref, refused, err := j.defaultIssuer(ctx, req.Namespace)
		if err != nil {
			return broken(err)
		}
		if refused != nil {
			known = append(known, refused)
		}
		options.DefaultIssuer = ref
	}
	written := crt.Spec.SecretName
	patch, errs := defaults.Certificate(now.outline(), old, options)
	if err := defaults.Fill(&crt.Spec, patch); err != nil {
		return broken(err)
	}
	if before == nil && written != crt.Spec.SecretName {
		refused, err := j.mayAdopt(ctx, req.Namespace, crt)
		if err != nil {
			return broken(err)
		}
		if refused != nil {
			known = append(known, refused)
		}
	}
	errs = validate.Merge(validate.Merge(known, errs), certificateErrors(crt, before))
	if len(errs) > 0 {
		return review.Forbid(errs)
	}
	return withPatch(patch)
}

// mayAdopt refuses a Secret that the user did not name and that looks like
// something else's.
func (j *judge) mayAdopt(ctx context.Context, namespace string, crt *certsv1.Certificate) (*field.Error, error) {
	if j.cfg.Secrets == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	secret := &corev1.Secret{}
	err := j.cfg.Secrets.Get(ctx, client.ObjectKey{Namespace: namespace, Name: crt.Spec.SecretName}, secret)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at the Secret %q: %w", crt.Spec.SecretName, err)
	}
	return defaults.Adoption(crt.Name, secret), nil
}

// outline returns the part of a Certificate that defaulting looks at.
func (d *document) outline() []byte {
	b := make([]byte, 0, len(d.spec)+128)
	b = append(b, `{"metadata":{`...)
	separator := ""
	_ = d.metadata.Members(func(name []byte, value rawjson.Value) error {
		if string(name) == "name" || string(name) == "generateName" {
			b = append(append(append(b, separator...), '"'), name...)
			b = append(append(b, `":`...), value...)
			separator = ","
		}
		return nil
	}) // readMeta has seen the same members
	b = append(b, '}')
	if !d.spec.Null() {
		b = append(append(b, `,"spec":`...), d.spec...)
	}
	return append(b, '}')
}

// certificateErrors is what is wrong with crt, or with the change to it.
func certificateErrors(crt *certsv1.Certificate, before *document) field.ErrorList {
	if before != nil {
		// An old object that cannot be read is no reason to keep it.
		if old, err := before.certificate(); err == nil {
			return validate.CertificateUpdate(old, crt)
		}
	}
	return validate.CertificateNew(crt)
}

func (j *judge) validateCertificate(ctx context.Context, req *review.Request, now document, before *document) review.Answer {
	crt, err := now.certificate()
	if err != nil {
		return *malformed("%v", err)
	}
	if errs := certificateErrors(crt, before); len(errs) > 0 {
		return review.Forbid(errs)
	}
	crt.Namespace = req.Namespace
	return review.Allow(j.warnings.certificate(ctx, crt)...)
}
