package exchange

import (
	"net/http"

	"golang.org/x/time/rate"
)

// A limiter bounds the requests to one server. It slows down when the server
// asks for it: nobody publishes all limits.
type limiter struct {
	*rate.Limiter
	most rate.Limit
}

const (
	slowest = rate.Limit(1)
	// recovery is how many good answers it takes from nothing to full speed.
	recovery = 500
)

func newLimiter(perSecond float64) *limiter {
	most := rate.Limit(perSecond)
	return &limiter{Limiter: rate.NewLimiter(most, max(int(2*perSecond), 1)), most: most}
}

// learn takes the status of an answer in. Concurrent calls may undo each
// other's step, which does not matter.
func (l *limiter) learn(status int) {
	now := l.Limit()
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		l.SetLimit(min(max(now/2, slowest), l.most))
	case status != 0 && now < l.most:
		l.SetLimit(min(now+l.most/recovery, l.most))
	}
}
