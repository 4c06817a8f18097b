package certificate

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
)

// A Step is one thing to do. Its String names objects and shows nothing that is
// inside them.
type Step interface {
	fmt.Stringer
	step()
}

type (
	// Wait does nothing.
	Wait struct{}
	// IssueNow makes the key, the request, the signature and the Secret in one
	// pass. The key is held in memory, unless something else than a certificate
	// comes back.
	IssueNow struct {
		Revision int
		// KeySecret is where the key would be stored.
		KeySecret string
		// Keep uses the key in the target Secret again.
		Keep bool
	}
	// StoreKey stores the next key.
	StoreKey struct {
		Name string
		Keep bool
	}
	// Request creates the CertificateRequest for a stored key.
	Request struct {
		Revision int
		Key      string
	}
	// Discard deletes an object of ours, if it is still as it was seen.
	Discard struct {
		Kind            string
		Name            string
		UID             types.UID
		ResourceVersion string
		// Misfit marks a request that was not what had been asked for.
		Misfit bool
	}
	// Store writes the answer of a request into the target Secret.
	Store struct {
		Request string
		// Key is the Secret with the stored key; empty uses the key in the
		// target Secret again.
		Key string
	}
	// StoreTemporary writes a temporary certificate for a pending request into
	// the target Secret, with the key of the request.
	StoreTemporary struct {
		Request string
		// Key is as in Store.
		Key string
	}
	// Restore writes what the target Secret already holds in the form that the
	// spec asks for now: its metadata and output formats.
	Restore struct{}
)

func (Wait) step()           {}
func (IssueNow) step()       {}
func (StoreKey) step()       {}
func (Request) step()        {}
func (Discard) step()        {}
func (Store) step()          {}
func (StoreTemporary) step() {}
func (Restore) step()        {}

func (Wait) String() string       { return "wait" }
func (s IssueNow) String() string { return fmt.Sprintf("issue revision %d now", s.Revision) }
func (s StoreKey) String() string { return "store the next key in Secret " + s.Name }
func (s Request) String() string {
	return fmt.Sprintf("request revision %d with the key in Secret %s", s.Revision, s.Key)
}
func (s Discard) String() string { return "discard " + s.Kind + " " + s.Name }
func (s Store) String() string   { return "store the answer of CertificateRequest " + s.Request }
func (s StoreTemporary) String() string {
	return "store a temporary certificate for CertificateRequest " + s.Request
}
func (Restore) String() string { return "put the Secret right in place" }

const (
	kindSecret  = "Secret"
	kindRequest = "CertificateRequest"
)

func discardRequest(r KnownRequest) Discard {
	return Discard{Kind: kindRequest, Name: r.Object.Name, UID: r.Object.UID, ResourceVersion: r.Object.ResourceVersion}
}

func discardKey(k KnownKey) Discard {
	return Discard{Kind: kindSecret, Name: k.Name, UID: k.UID, ResourceVersion: k.ResourceVersion}
}
