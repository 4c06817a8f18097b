// Package status makes the patches with which controllers report: a JSON merge
// patch of what changed in a status and nothing else, bound to the version that
// was looked at. A merge patch replaces lists as a whole, so without that bond
// it would undo what others wrote in between, such as a condition.
package status

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Patch returns the merge patch that turns the status old into the status new
// of an object of the given resource version. It is nil if nothing changes.
func Patch(old, new any, resourceVersion string) ([]byte, error) {
	before, err := fields(old)
	if err != nil {
		return nil, err
	}
	after, err := fields(new)
	if err != nil {
		return nil, err
	}
	changed := map[string]json.RawMessage{}
	for name, value := range after {
		if !bytes.Equal(before[name], value) {
			changed[name] = value
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			changed[name] = json.RawMessage("null")
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]string{"resourceVersion": resourceVersion},
		"status":   changed,
	})
}

func fields(status any) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("decode status: %w", err)
	}
	return out, nil
}
