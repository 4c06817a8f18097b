package status

import (
	"testing"
)

func TestPatch(t *testing.T) {
	type report struct {
		Revision int      `json:"revision,omitempty"`
		Names    []string `json:"names,omitempty"`
	}
	tests := map[string]struct {
		old, new report
		want     string
	}{
		"nothing is sent when nothing changes":   {report{1, []string{"a"}}, report{1, []string{"a"}}, ""},
		"only what changed is sent":              {report{1, []string{"a"}}, report{2, []string{"a"}}, `{"metadata":{"resourceVersion":"7"},"status":{"revision":2}}`},
		"what is gone is set to null":            {report{1, nil}, report{0, nil}, `{"metadata":{"resourceVersion":"7"},"status":{"revision":null}}`},
		"a list is replaced as a whole":          {report{0, []string{"a"}}, report{0, []string{"a", "b"}}, `{"metadata":{"resourceVersion":"7"},"status":{"names":["a","b"]}}`},
		"a first report is bound to the version": {report{}, report{3, nil}, `{"metadata":{"resourceVersion":"7"},"status":{"revision":3}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Patch(tt.old, tt.new, "7")
			if err != nil || string(got) != tt.want {
				t.Errorf("Patch() = %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}
