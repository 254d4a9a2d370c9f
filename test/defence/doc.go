// Package defence takes each defence out and demands that a test notices.
//
// The table is defences.txt. An entry is the attack by its id, the lines that
// are the defence with what is left when it is taken out, as a diff has them,
// and the test that must then fail:
//
//	S1 an address that nobody signalled is not learned
//	media/latch.go
//	-		if src.Addr() != l.signalled.Addr() {
//	+		if false {
//	test media TestLatchLearnsWhatThePolicyAllows
//
// Lines that begin with a space are context; with it the text must occur exactly
// once in the file, else the table is out of date and says so. The changed file
// lies beside the tree, and the compiler is told to read it instead (go build
// -overlay). A test counts as noticing if it passes as the code stands, and
// fails by an assertion of its own with the defence out: not by a panic, a
// timeout, or code that does not build.
//
// The test stands behind the build tag defence and is run by `make defences`.
package defence
