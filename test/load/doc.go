// Package load measures the built binary: CPU per call, per forwarded packet and
// per recoded call, and memory per call, with the raw cost of the socket calls
// beside them.
//
// Its benchmarks stand behind the build tag load and are run by `make bench`,
// which names the binary in the variable TANDEM. The generator plays caller and
// called side of every call over loopback; the gateway has a processor to itself
// where there are two. What is reported is the CPU of the gateway's process, user
// and system, as the kernel counts it.
//
// TestSoak, run by `make soak T=1h`, places calls for hours and prints how the
// resident memory goes. Its calls carry no audio.
package load
