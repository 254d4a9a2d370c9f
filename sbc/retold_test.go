package sbc

import "testing"

// A Referred-By goes back to its own trunk as it came, and to another as a
// number at our host.
func TestReferredByTellsNothingOfTheOtherSide(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{
		namedTrunk("west", "192.0.2.1"),
		namedTrunk("east", "192.0.2.2", func(c *TrunkConfig) { c.Numbers.To = NumberFormat{Form: FormPlain} }),
	}
	trunks := ready(t, c).Trunks
	west, east := trunks.Named("west"), trunks.Named("east")
	const value = `"Bob" <sip:+15550100111@10.0.0.7;x-m=secret>;x-t=tenant`
	for _, tc := range []struct {
		to    *Trunk
		value string
		want  string
	}{
		{west, value, value},
		{east, value, "<sip:15550100111@gw>"},
		{east, "", ""},
		{east, "<sip:10.0.0.7>", ""},
		{east, "<<", ""},
	} {
		if got := tc.to.referredBy(tc.value, west, "gw"); got != tc.want {
			t.Errorf("to %s: %q, want %q", tc.to.Name(), got, tc.want)
		}
	}
}
