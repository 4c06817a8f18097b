// Package lint applies the rules of admission to manifests in files, without a
// cluster. It gives the answer that the webhook would give to their creation,
// together with what the webhook never gets to see: fields that the API server
// drops, and annotations that nobody reads.
//
// What it promises:
//
//   - All that is wrong is found in one run, each with its file and line.
//   - Manifests are read as kubectl reads them: a tree with lines is made of
//     them beside that, for nothing but the lines.
//   - Where the webhook looks at the cluster, the other manifests of the run
//     stand for it. What is not among them may exist in the cluster, so its
//     absence is neither an error nor a warning, with one exception: an issuer
//     that is not named, and no default issuer that is known.
//   - Of Secrets nothing is shown but their names.
package lint
