// Package arch holds the code to the architecture: which room may import
// which, which library has its door where, where goroutines are started and
// the clock is read, and how long files and functions may grow.
//
// The tables are in policy_test.go. They are policy: whoever changes a row
// changes docs/architecture.md with it and says why in an ADR.
package arch
