package appliance

import "time"

// expireSelfTest ends the self test after d.
func (a *Appliance) expireSelfTest(d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.endSelfTest()
	})
}
