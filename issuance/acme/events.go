package acme

import (
	"k8s.io/apimachinery/pkg/runtime"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/http01"
)

// Events tells users about an object. A record.EventRecorder is one.
type Events interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// NeedsFinalizer reports whether what solver presents has to be taken away by
// us: all that the Challenge does not own.
func NeedsFinalizer(solver *acmev1.ACMEChallengeSolver) bool {
	return solver.HTTP01 == nil || http01.NeedsCleanUp(solver.HTTP01)
}
