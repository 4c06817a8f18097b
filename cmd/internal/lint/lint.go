package lint

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/shim"
)

// Options say what the manifests do not.
type Options struct {
	// DefaultIssuer is that of the cluster; no name means that none is known.
	DefaultIssuer cmmeta.IssuerReference
}

// Files judges the manifests in files, all together.
func Files(files []File, opts Options) *Report { return newRun(opts, schemas{}).files(files) }

// noDefault says why there is no issuer. It would not be for the webhook to say:
// it knows the cluster.
const noDefault = "none of these manifests marks a default issuer; if the cluster has one, name it with --default-issuer-name"

// A run judges the objects of some files.
type run struct {
	opts    Options
	shim    shim.Options
	objects []*object
	world   *world
	schemas schemas
	report  *Report
}

func newRun(opts Options, known schemas) *run {
	r := &run{opts: opts, shim: shim.DefaultOptions(), world: newWorld(), schemas: known, report: &Report{}}
	r.shim.DefaultIssuerName, r.shim.DefaultIssuerKind, r.shim.DefaultIssuerGroup = opts.DefaultIssuer.Name, opts.DefaultIssuer.Kind, opts.DefaultIssuer.Group
	r.shim.DefaultIssuer = r.defaultIssuerOfSource
	return r
}

func (r *run) files(files []File) *Report {
	for _, file := range files {
		r.read(file)
	}
	// The objects are judged when all are known.
	for _, o := range r.objects {
		r.judge(o)
	}
	r.compare()
	r.report.sort(files)
	return r.report
}

// An object is a document that has been decoded.
type object struct {
	*document
	recognised
	// json is what value was read from, in place of that of the document.
	json json.RawMessage
	// offences are those against the schema.
	offences field.ErrorList
	// unclear says that nothing can be said of its spec.
	unclear bool
}

// read finds the objects in a file, and what is wrong with their form.
func (r *run) read(file File) {
	documents, bad := documents(file)
	for _, b := range bad {
		r.report.Findings = append(r.report.Findings, Finding{File: file.Name, Line: b.line, Level: Error, Message: b.message})
	}
	for _, d := range documents {
		kind := recognise(d)
		if kind.value == nil && !kind.own {
			r.report.Skipped++
			r.world.addSecret(d)
			continue
		}
		r.report.Checked++
		r.tell(d, Error, kind.problems...)
		if kind.value == nil {
			continue
		}
		if o := r.decode(d, kind); o != nil {
			r.objects = append(r.objects, o)
			r.world.add(o)
		}
	}
}

// decode reads d. Only the shape of our own kinds is known to the last field.
func (r *run) decode(d *document, kind recognised) *object {
	read, err := decode(d.json, kind.value)
	r.tell(d, Error, read.malformed...)
	if err != nil {
		r.tell(d, Error, problem{"", "cannot be read: " + err.Error()})
		return nil
	}
	o := &object{document: d, recognised: kind, json: read.json, unclear: read.unclear}
	if !kind.own {
		return o
	}
	r.tell(d, Error, read.unknown...)
	for _, twice := range d.tree.repeated(d.within) {
		f := d.finding(Error, problem{"", fmt.Sprintf("%s is set twice, first on line %d; only one of them counts", twice.key, twice.earlier)})
		f.Line = twice.line
		r.report.Findings = append(r.report.Findings, f)
	}
	schema, err := r.schemas.of(d.kind)
	if err != nil {
		r.tell(d, Error, problem{"", err.Error()})
		return o
	}
	o.offences = offences(read.members, schema, nil)
	return o
}

// judge applies the rules for the creation of an object.
func (r *run) judge(o *object) {
	if meta, ok := o.value.(metav1.Object); ok {
		r.metadata(o, meta)
	}
	if o.unclear {
		return
	}
	var errs field.ErrorList
	switch v := o.value.(type) {
	case *certsv1.Certificate:
		errs = r.certificate(o, v)
	case *certsv1.CertificateRequest:
		errs = validate.CertificateRequest(v)
	case certsv1.GenericIssuer:
		errs = validate.Issuer(v.GetSpec())
		r.warn(o, validate.IssuerWarnings(v.GetSpec()))
	case *acmev1.Order, *acmev1.Challenge: // rules are for changes only
	default:
		if o.source != nil {
			r.certificates(o, o.source())
		}
	}
	r.refuse(o, errs)
	r.refuse(o, besides(errs, o.offences))
}

// metadata tells what is wrong with the metadata of our own kinds, and which
// annotations of a Certificate nobody reads.
func (r *run) metadata(o *object, meta metav1.Object) {
	if o.own {
		r.refuse(o, metadata(o.kind, meta))
	}
	if o.kind == certsv1.CertificateKind {
		for _, f := range shim.Unread(o.kind, meta.GetAnnotations(), r.shim) {
			r.tell(o.document, Warning, problem{f.Field, f.Message})
		}
	}
}

// metadata returns what the API server refuses of any object. A namespace that
// is missing is given by whoever applies the manifest.
func metadata(kind string, written metav1.Object) field.ErrorList {
	meta := metav1.ObjectMeta{
		Name: written.GetName(), GenerateName: written.GetGenerateName(), Namespace: written.GetNamespace(),
		Labels: written.GetLabels(), Annotations: written.GetAnnotations(),
		OwnerReferences: written.GetOwnerReferences(), Finalizers: written.GetFinalizers(),
	}
	if meta.Name == "" && meta.GenerateName != "" {
		meta.Name = meta.GenerateName + "xxxxx" // as long as the server makes it
	}
	namespaced := kind != certsv1.ClusterIssuerKind
	if !namespaced {
		meta.Namespace = ""
	} else if meta.Namespace == "" {
		meta.Namespace = metav1.NamespaceDefault
	}
	return validation.ValidateObjectMeta(&meta, namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

// refuse tells errors of the rules.
func (r *run) refuse(o *object, errs field.ErrorList) {
	for _, err := range errs {
		r.tell(o.document, Error, problem{err.Field, err.ErrorBody()})
	}
}

// warn tells warnings as package validate words them.
func (r *run) warn(o *object, warnings []string) {
	for _, warning := range warnings {
		r.tell(o.document, Warning, located(warning))
	}
}

// located takes the field off the beginning of a warning.
func located(warning string) problem {
	end := strings.IndexAny(warning, " :")
	if end < 0 || (!strings.HasPrefix(warning, "spec") && !strings.HasPrefix(warning, "metadata")) {
		return problem{"", warning}
	}
	return problem{warning[:end], strings.TrimLeft(warning[end:], ": ")}
}

// tell adds findings about a document.
func (r *run) tell(d *document, level Level, problems ...problem) {
	for _, p := range problems {
		r.report.Findings = append(r.report.Findings, d.finding(level, p))
	}
}

func (d *document) finding(level Level, p problem) Finding {
	return Finding{
		File: d.file, Line: d.line(p.field), Level: level,
		Kind: d.kind, Namespace: d.namespace, Name: d.name,
		Field: p.field, Message: shorten(p.message),
	}
}

func shorten(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}
