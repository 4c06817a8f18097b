package webhook

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook/review"
)

// An Adviser says what the author of an Ingress should know, and which
// Certificates it asks for. It need not understand object.
type Adviser func(ctx context.Context, object []byte) (warnings []string, asked []*certsv1.Certificate)

const (
	ingressGroup, ingressKind = "networking.k8s.io", "Ingress"
	// adviceTimeout is what we take of the second that the API server waits.
	adviceTimeout = 700 * time.Millisecond
	// maxAdvised is how many of the Certificates that one Ingress asks for are
	// looked at.
	maxAdvised = 10
)

// advised says whether req is about something that is only ever advised on.
func advised(req *review.Request) (kind string, refusal *review.Answer) {
	if req.Resource.Group != ingressGroup || req.Resource.Resource != "ingresses" || req.SubResource != "" ||
		(req.Operation != review.Create && req.Operation != review.Update) {
		return "", nil
	}
	return ingressKind, nil
}

// advise warns, and lets everything pass, whatever happens: somebody else's kind
// is not ours to refuse.
func (j *judge) advise(ctx context.Context, req *review.Request, _ string) (answer review.Answer) {
	defer func() {
		if cause := recover(); cause != nil {
			j.cfg.Metrics.panicked()
			log.FromContext(ctx).Error(fmt.Errorf("panic: %v", cause), "advice panicked", "stack", string(debug.Stack()))
			answer = review.Allow()
		}
	}()
	if j.cfg.Ingress == nil {
		return review.Allow()
	}
	ctx, cancel := context.WithTimeout(ctx, adviceTimeout)
	defer cancel()
	all, asked := j.cfg.Ingress(ctx, req.Object)
	for _, crt := range asked[:min(len(asked), maxAdvised)] {
		for _, text := range j.warnings.certificate(ctx, crt) {
			all = append(all, fmt.Sprintf("of the Certificate %s: %s", crt.Name, text))
		}
	}
	shorten(all)
	return review.Allow(all...)
}

// shorten cuts each warning to what API servers show of one.
func shorten(warnings []string) {
	for i, text := range warnings {
		if len(text) > maxWarning {
			warnings[i] = strings.ToValidUTF8(text[:maxWarning-3], "") + "..."
		}
	}
}
