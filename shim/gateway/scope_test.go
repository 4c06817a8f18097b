package gateway

import "testing"

func TestScope(t *testing.T) {
	t.Parallel()
	both := Config{Gateways: true, ListenerSets: true}
	tests := map[string]struct {
		config Config
		served []string
		routes bool
		want   scope
	}{
		"nothing is served":                            {both, nil, true, scope{}},
		"only what is served is followed":              {both, []string{"Gateway", "HTTPRoute"}, false, scope{gateways: true}},
		"everything is served":                         {both, []string{"Gateway", "ListenerSet", "HTTPRoute"}, false, scope{gateways: true, listenerSets: true}},
		"only what is enabled is followed":             {Config{Gateways: true}, []string{"Gateway", "ListenerSet"}, false, scope{gateways: true}},
		"ListenerSets are nothing without Gateways":    {both, []string{"ListenerSet"}, true, scope{}},
		"ListenerSets may be followed alone":           {Config{ListenerSets: true}, []string{"Gateway", "ListenerSet"}, false, scope{listenerSets: true}},
		"routes are watched where somebody wants them": {both, []string{"Gateway", "HTTPRoute"}, true, scope{gateways: true, routes: routesWatched}},
		"there are none where they are not served":     {both, []string{"Gateway"}, true, scope{gateways: true, routes: routesAbsent}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			served := map[string]bool{}
			for _, kind := range tt.served {
				served[kind] = true
			}
			if got := tt.config.scope(served, tt.routes); got != tt.want {
				t.Errorf("scope() = %+v, want %+v", got, tt.want)
			}
		})
	}
}
