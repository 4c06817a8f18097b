package dashboards

import (
	"encoding/json"
	"testing"
)

// Grafana draws panels over each other without a word.
func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	text, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID                       int
			Type, Title, Description string
			GridPos                  struct{ X, Y, W, H int }
			Targets                  []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	type cell struct{ x, y int }
	taken, ids, titles := map[cell]string{}, map[int]bool{}, map[string]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || titles[p.Title] {
			t.Errorf("%s: its id or title is that of another", p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("%s: does not say what it shows, or shows nothing", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[cell{x, y}]; other != "" || x >= columns {
					t.Fatalf("%s lies over %q, or outside", p.Title, other)
				}
				taken[cell{x, y}] = p.Title
			}
		}
	}
}
