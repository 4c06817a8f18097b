package shim

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
)

const (
	// maxEntries bounds what one object can make us hold in memory: each TLS
	// block multiplies its labels and annotations.
	maxEntries = 100_000
	// maxErrors is how many errors of one Certificate are told. An event has no
	// room for more.
	maxErrors = 10
)

// Wanted is what a Source asks for.
type Wanted struct {
	// Act says whether Certificates are kept in step with the Source at all.
	// If not, those that exist stay as they are, stale or not.
	Act bool
	// Certificates that shall exist. Each passes the admission rules.
	Certificates []*certsv1.Certificate
	// Problems that the user has to be told.
	Problems []Problem
	// Errors are what the Problems say, each by itself, for those who can show
	// the field of the Source that it is about.
	Errors field.ErrorList
	// Unresolved says that the default issuer could not be found, so that
	// asking again later may help.
	Unresolved bool

	// foundIssuer says that no one named the issuer: see Options.DefaultIssuer.
	foundIssuer bool
}

// Triggered says whether the annotations of src ask for certificates.
func Triggered(src *Source, opts Options) bool {
	if !opts.Reads(src) {
		return false
	}
	if src.Kind == ServiceKind { // has no place for a Secret but its annotation
		_, ok := src.Annotations[SecretNameKey]
		return ok
	}
	for _, key := range []string{IssuerKey, ClusterIssuerKey} {
		if _, ok := src.Annotations[key]; ok {
			return true
		}
	}
	auto := []string{TLSKey}
	if src.Kind == IngressKind {
		auto = append(auto, opts.AutoAnnotations...)
	}
	return slices.ContainsFunc(auto, src.says)
}

// says whether the annotation is true.
func (s *Source) says(key string) bool {
	yes, err := strconv.ParseBool(s.Annotations[key])
	return err == nil && yes
}

// Desired says which Certificates src asks for.
func Desired(src *Source, opts Options) Wanted {
	if src.leaving() || src.Dormant || !Triggered(src, opts) {
		return Wanted{}
	}
	issuer, unresolved, wrong := chooseIssuer(src, &opts)
	if len(wrong) > 0 {
		return Wanted{Unresolved: unresolved, Errors: wrong, Problems: []Problem{problem(ReasonBadConfig,
			"Could not determine issuer for ingress due to bad annotations: "+details(wrong))}}
	}
	if len(src.Refused) > 0 {
		return refused("", src.Refused)
	}

	wanted := Wanted{Act: true, foundIssuer: issuer.found}
	var bad field.ErrorList
	size := 0
	for _, d := range drafts(src, &wanted) {
		crt := d.certificate(src, &opts, issuer)
		if size += entries(crt.Certificate); size > maxEntries {
			tooMany := fmt.Sprintf("The names, labels and annotations of the Certificates asked for are more than %d; use several objects", maxEntries)
			return Wanted{Errors: field.ErrorList{field.Forbidden(field.NewPath("spec"), tooMany)}, Problems: []Problem{problem(ReasonBadConfig, tooMany)}}
		}
		onSource, onBlock := d.judge(src, crt)
		bad = append(bad, onSource...)
		switch {
		case len(onBlock) > 0:
			wanted.skip(src, onBlock)
		case len(onSource) == 0:
			wanted.Certificates = append(wanted.Certificates, crt.Certificate)
		}
	}
	if len(bad) > 0 {
		return refused("Could not make Certificates due to bad annotations: ", bad)
	}
	return wanted
}

// refused is the answer to a Source that is left alone as a whole.
func refused(prefix string, errs field.ErrorList) Wanted {
	return Wanted{Errors: errs, Problems: []Problem{badConfig(prefix, errs)}}
}

// skip tells why a block of src leads to nothing.
func (w *Wanted) skip(src *Source, errs field.ErrorList) {
	w.Errors = append(w.Errors, errs...)
	w.Problems = append(w.Problems, badConfig(fmt.Sprintf("Skipped a %s: ", src.blockNoun()), errs))
}

// A draft gathers what the blocks of a Source say about one Secret.
type draft struct {
	secret Name
	hosts  []Name
}

// drafts are in the order in which Secrets are first named. Blocks that cannot
// be used are reported in wanted.
func drafts(src *Source, wanted *Wanted) []*draft {
	var all []*draft
	byName := make(map[string]*draft)
	for _, b := range src.Blocks {
		if b.Ignored {
			continue
		}
		if len(b.Problems) > 0 {
			wanted.skip(src, b.Problems)
			continue
		}
		if len(b.Doubts) > 0 {
			wanted.Errors = append(wanted.Errors, b.Doubts...)
			wanted.Problems = append(wanted.Problems, badConfig("", b.Doubts))
		}
		for _, secret := range b.Secrets {
			d := byName[secret.Value]
			if d == nil {
				d = &draft{secret: secret}
				byName[secret.Value] = d
				all = append(all, d)
			}
			// Blocks may share their lists, so none is appended to.
			if d.hosts == nil {
				d.hosts = slices.Clip(b.Hosts)
			} else {
				d.hosts = append(d.hosts, b.Hosts...)
			}
		}
	}
	return all
}

// drafted is a Certificate and the annotations that could not be read into it.
type drafted struct {
	*certsv1.Certificate
	unread field.ErrorList
}

// certificate is the Certificate for the draft.
func (d *draft) certificate(src *Source, opts *Options, issuer choice) drafted {
	crt := drafted{Certificate: &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Name:            d.secret.Value,
			Namespace:       src.Namespace,
			Labels:          make(map[string]string),
			Annotations:     make(map[string]string),
			OwnerReferences: []metav1.OwnerReference{owner(src)},
		},
		Spec: certsv1.CertificateSpec{
			SecretName: d.secret.Value,
			IssuerRef:  issuer.ref,
			// Written out: diff tools, and external issuers that have defaults
			// of their own, see them.
			Usages: certs.DefaultUsages(),
		},
	}}
	for key, value := range src.Labels {
		if opts.copiesLabel(key) {
			crt.Labels[key] = value
		}
	}
	for _, key := range opts.ExtraAnnotations {
		if value, ok := src.Annotations[key]; ok {
			crt.Annotations[key] = value
		}
	}
	maps.Copy(crt.Annotations, src.ImpliedAnnotations)
	maps.Copy(crt.Annotations, src.CertificateAnnotations)
	for _, host := range d.hosts {
		if net.ParseIP(host.Value) != nil {
			crt.Spec.IPAddresses = append(crt.Spec.IPAddresses, host.Value)
		} else {
			crt.Spec.DNSNames = append(crt.Spec.DNSNames, host.Value)
		}
	}
	for _, r := range rows {
		value, ok := src.Annotations[r.key]
		if !ok {
			continue
		}
		if err := r.set(crt.Certificate, value); err != nil {
			crt.unread = append(crt.unread, field.Invalid(annotationPath(r.key), value, err.Error()))
		}
	}
	crt.Spec.DNSNames = unique(crt.Spec.DNSNames)
	crt.Spec.IPAddresses = unique(crt.Spec.IPAddresses)
	return crt
}

// entries measures crt by what the user can multiply.
func entries(crt *certsv1.Certificate) int {
	n := len(crt.Labels) + len(crt.Annotations) + len(crt.Spec.DNSNames) + len(crt.Spec.IPAddresses) +
		len(crt.Spec.URIs) + len(crt.Spec.EmailAddresses) + len(crt.Spec.Usages)
	if s := crt.Spec.Subject; s != nil {
		n += len(s.Organizations) + len(s.Countries) + len(s.OrganizationalUnits) + len(s.Localities) +
			len(s.Provinces) + len(s.StreetAddresses) + len(s.PostalCodes)
	}
	if t := crt.Spec.SecretTemplate; t != nil {
		n += len(t.Labels) + len(t.Annotations)
	}
	return n
}

// unique drops what was there before. It is case-sensitive and keeps order.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		before := seen[name]
		seen[name] = true
		return before
	})
}

// judge says what is wrong with crt in the words of src: errors that only an
// annotation can cause, and errors of the block itself.
func (d *draft) judge(src *Source, crt drafted) (onSource, onBlock field.ErrorList) {
	if len(crt.unread) > 0 {
		return crt.unread, nil
	}
	for i, err := range validate.CertificateNew(crt.Certificate) {
		if i == maxErrors {
			break
		}
		where, ours := d.blame(src, crt.Certificate, err)
		told := *err
		told.Field = where
		if ours {
			onBlock = append(onBlock, &told)
		} else {
			onSource = append(onSource, &told)
		}
	}
	return onSource, onBlock
}

// blame finds what in src led to err: the block of d (then ours is true) or an
// annotation.
func (d *draft) blame(src *Source, crt *certsv1.Certificate, err *field.Error) (where string, ours bool) {
	path, index := splitIndex(err.Field)
	switch path {
	case "metadata.name", "spec.secretName":
		return d.secret.Path.String(), true
	case "spec.dnsNames":
		if src.shares() {
			break // no host is among them
		}
		if host, ok := d.hostAt(crt.Spec.DNSNames, index); ok {
			return host.Path.String(), true
		}
	case "spec.ipAddresses":
		if host, ok := d.hostAt(crt.Spec.IPAddresses, index); ok {
			return host.Path.String(), true
		}
	case "spec.issuerRef.kind":
		if _, ok := src.Annotations[IssuerKindKey]; ok {
			return annotationPath(IssuerKindKey).String(), false
		}
	}
	for _, r := range rows {
		if _, ok := src.Annotations[r.key]; ok && (path == r.path || strings.HasPrefix(path, r.path+".")) {
			return annotationPath(r.key).String(), false
		}
	}
	return err.Field, false
}

// hostAt finds the host of the block that became names[index].
func (d *draft) hostAt(names []string, index int) (Name, bool) {
	if index < 0 || index >= len(names) {
		return Name{}, false
	}
	i := slices.IndexFunc(d.hosts, func(host Name) bool { return host.Value == names[index] })
	if i < 0 {
		return Name{}, false
	}
	return d.hosts[i], true
}

// splitIndex takes "spec.dnsNames[1]" apart. Without an index it is -1.
func splitIndex(path string) (string, int) {
	open := strings.LastIndexByte(path, '[')
	if open < 0 || !strings.HasSuffix(path, "]") {
		return path, -1
	}
	index, err := strconv.Atoi(path[open+1 : len(path)-1])
	if err != nil {
		return path[:open], -1
	}
	return path[:open], index
}

func annotationPath(key string) *field.Path {
	return field.NewPath("metadata", "annotations").Key(key)
}

// owner makes src the controller of its Certificates. They go when it goes.
func owner(src *Source) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: src.APIVersion, Kind: src.Kind, Name: src.Name, UID: src.UID,
		Controller: &yes, BlockOwnerDeletion: &yes,
	}
}
