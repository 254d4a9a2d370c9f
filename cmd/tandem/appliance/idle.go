package appliance

// idle decides when the memory of calls that are over is given back to the
// system. The collector lets the heap grow to several times what is live, since
// that is cheap while calls come; once none do, nobody would collect it.
type idle struct {
	calls uint64 // ever begun, when last looked
	owes  bool   // calls were up since memory was last given back
}

// due takes the number of calls ever begun and of those up, from time to time,
// and reports whether memory should be given back now: calls have come since it
// last was, and none is up nor began since the last look.
func (i *idle) due(calls uint64, up int) bool {
	quiet := calls == i.calls && up == 0
	i.owes = i.owes || !quiet
	i.calls = calls
	if !quiet || !i.owes {
		return false
	}
	i.owes = false
	return true
}
