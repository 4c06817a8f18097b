package webhook

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/certs/rawjson"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook/review"
)

// kindOf returns the kind that a resource of ours has, "" for any other.
func kindOf(r review.GroupVersionResource) string {
	switch r.Group {
	case certsv1.GroupName:
		switch r.Resource {
		case "certificates":
			return certsv1.CertificateKind
		case "certificaterequests":
			return certsv1.CertificateRequestKind
		case "issuers":
			return certsv1.IssuerKind
		case "clusterissuers":
			return certsv1.ClusterIssuerKind
		}
	case acmev1.GroupName:
		switch r.Resource {
		case "orders":
			return "Order"
		case "challenges":
			return "Challenge"
		}
	}
	return ""
}

// document is an object of which only the outermost members have been read.
type document struct {
	apiVersion, kind, metadata, spec, status rawjson.Value
}

func readDocument(raw rawjson.Value) (document, error) {
	var d document
	err := raw.Members(func(name []byte, value rawjson.Value) error {
		switch string(name) {
		case "apiVersion":
			d.apiVersion = value
		case "kind":
			d.kind = value
		case "metadata":
			d.metadata = value
		case "spec":
			d.spec = value
		case "status":
			d.status = value
		}
		return nil
	})
	return d, err
}

// is refuses a document of any other kind than the one that was asked about.
func (d *document) is(kind review.GroupVersionKind) error {
	apiVersion, err := d.apiVersion.Text()
	if err != nil {
		return fmt.Errorf("apiVersion: %w", err)
	}
	name, err := d.kind.Text()
	if err != nil {
		return fmt.Errorf("kind: %w", err)
	}
	if apiVersion != kind.Group+"/"+kind.Version || name != kind.Kind {
		return fmt.Errorf("the object is a %s of %s, the request is about a %s of %s/%s", name, apiVersion, kind.Kind, kind.Group, kind.Version)
	}
	return nil
}

// readMeta reads the metadata that is judged. Stepping over the rest, above
// all managedFields, is a good part of why a review is cheap.
func (d *document) readMeta(into *metav1.ObjectMeta) error {
	if d.metadata.Null() {
		return nil
	}
	return d.metadata.Members(func(name []byte, value rawjson.Value) (err error) {
		switch string(name) {
		case "name":
			into.Name, err = value.Text()
		case "generateName":
			into.GenerateName, err = value.Text()
		case "namespace":
			into.Namespace, err = value.Text()
		case "annotations":
			err = decodeBounded(value, &into.Annotations)
		case "labels":
			err = decodeBounded(value, &into.Labels)
		}
		if err != nil {
			return fmt.Errorf("metadata.%s: %w", name, err)
		}
		return nil
	})
}

// maxValues bounds what is judged of an object. Each value may be wrong and
// cost an error of some hundred bytes, and 30,000 are more than anything holds
// that can be issued: a certificate of certs.MaxCertificateSize has room for
// some 7,000 names.
const maxValues = 30_000

var errTooMany = fmt.Errorf("has more than %d values, more than any certificate can hold", maxValues)

// decodeBounded reads raw into a value if there is not too much in it.
func decodeBounded(raw rawjson.Value, into any) error {
	if raw.Values() > maxValues {
		return errTooMany
	}
	return raw.Decode(into)
}

// decode reads raw into a value. If that fails, the error names the member.
func decode(raw rawjson.Value, path string, into any) error {
	err := decodeBounded(raw, into)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooMany):
		return fmt.Errorf("%s: %w", path, err)
	}
	// It is worth another look to be able to say where.
	memberErr := raw.Members(func(name []byte, value rawjson.Value) error {
		alone := rawjson.Value(fmt.Sprintf("{%q:%s}", name, value))
		if err := alone.Decode(reflect.New(reflect.TypeOf(into).Elem()).Interface()); err != nil {
			return fmt.Errorf("%s.%s: %w%s", path, name, err, hint(err))
		}
		return nil
	})
	if memberErr != nil {
		return memberErr
	}
	return fmt.Errorf("%s: %w", path, err)
}

// hint explains the mistake that is made most.
func hint(err error) string {
	if strings.Contains(err.Error(), "duration") {
		return "; write durations in hours, minutes and seconds, for example 2160h for 90 days"
	}
	return ""
}

func (d *document) certificate() (*certsv1.Certificate, error) {
	crt := &certsv1.Certificate{}
	if err := d.readMeta(&crt.ObjectMeta); err != nil {
		return nil, err
	}
	return crt, decode(d.spec, "spec", &crt.Spec)
}

func (d *document) certificateRequest() (*certsv1.CertificateRequest, error) {
	cr := &certsv1.CertificateRequest{}
	if err := d.readMeta(&cr.ObjectMeta); err != nil {
		return nil, err
	}
	if err := decode(d.spec, "spec", &cr.Spec); err != nil {
		return nil, err
	}
	if d.status.Null() {
		return cr, nil
	}
	conditions, err := d.status.Member("conditions")
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	if err := decodeBounded(conditions, &cr.Status.Conditions); err != nil {
		return nil, fmt.Errorf("status.conditions: %w", err)
	}
	return cr, nil
}

func (d *document) issuerSpec() (*certsv1.IssuerSpec, error) {
	spec := &certsv1.IssuerSpec{}
	return spec, decode(d.spec, "spec", spec)
}

func (d *document) order() (*acmev1.Order, error) {
	order := &acmev1.Order{}
	if err := decode(d.spec, "spec", &order.Spec); err != nil {
		return nil, err
	}
	return order, decode(d.status, "status", &order.Status)
}

func (d *document) challenge() (*acmev1.Challenge, error) {
	challenge := &acmev1.Challenge{}
	return challenge, decode(d.spec, "spec", &challenge.Spec)
}
