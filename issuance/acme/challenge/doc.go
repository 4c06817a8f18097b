// Package challenge proves control over one name per Challenge: it presents the
// answer, looks whether it can be seen, tells the server, asks how it went, and
// cleans up. It observes a State, asks Decide for one Step, takes it, and goes
// on until there is nothing to do but wait.
//
// It promises:
//
//   - The solver is derived from the issuer every time. What spec.solver says is
//     never used; where the two differ, the Order replaces the Challenge.
//   - A Challenge that no Order controls is left alone.
//   - The server is told once: the authorization is read first, and a challenge
//     that is under way or over is only asked about.
//   - No worker waits. The self-check runs beside the workers, and all else is a
//     wake-up.
//   - At most Config.Max are worked on at once and 20 are started a second, the
//     oldest first; never two with the same name and type. No namespace takes
//     more than half of the places while others wait, and what has not become
//     visible for a quarter of an hour gives its place up.
//   - What was presented is taken away when the Challenge is over or deleted. A
//     Challenge has the finalizer while there is anything that does not go with
//     the Challenge itself.
//
// # Writes
//
// A Challenge that runs through costs one status write, its end. What happens
// before is written only when it takes longer than Config.Quiet.
package challenge
