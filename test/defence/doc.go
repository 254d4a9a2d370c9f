// Package defence takes each defence out and demands that a test notices.
//
// The table is defences.txt. An entry is the attack by its id, the lines that
// are the defence with what is left when it is taken out, as a diff has them,
// and the tests that must then fail:
//
//	S1 an address that nobody signalled is not learned
//	media/latch.go
//	-		if src.Addr() != l.signalled.Addr() {
//	+		if false {
//	test media TestLatchLearnsWhatThePolicyAllows
//
// Lines that begin with a space are context; with it the text must occur exactly
// once in the file, within one function: test/arch holds the table to that, and
// to the names of the tests. A test counts as noticing if it passes with the
// defence, and without it fails by an assertion of its own: not by a panic or a
// timeout.
//
// The tree is not touched. The compiler is given other files in place of ours (go
// build -overlay), in which each function that is defended begins with its
// variants, the defence out, of which an environment variable chooses one. So
// each package is built once, and the whole table takes little longer than that.
//
// The test stands behind the build tag defence and is run by `make defences`.
package defence
