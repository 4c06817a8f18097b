package examples

import (
	"encoding/json"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/certwright/certwright/certs/defaults"
)

// FilledIn is what admission makes of a Certificate, as JSON, that names its
// issuer and has a name.
func FilledIn(raw []byte) []byte {
	ops, errs := defaults.Certificate(raw, nil, defaults.Options{})
	check(errs.ToAggregate())
	if len(ops) == 0 {
		return raw
	}
	data, err := json.Marshal(ops)
	check(err)
	patch, err := jsonpatch.DecodePatch(data)
	check(err)
	out, err := patch.Apply(raw)
	check(err)
	return out
}
