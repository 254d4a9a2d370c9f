package dtmf

import "time"

// A Digit is a key: '0' to '9', '*', '#', 'A' to 'D'. The zero value is none.
type Digit byte

// String hides which key it is, so that no digit reaches a log by accident. Use
// Key where the digit itself is meant to leave.
func (d Digit) String() string { return "*" }

// Key returns the key as a string of one letter.
func (d Digit) Key() string { return string(rune(d)) }

// A Press is a digit that was pressed and for how long.
type Press struct {
	Digit    Digit
	Duration time.Duration
}

// keys in the order of their event codes (RFC 4733 §3.2, table 3).
const keys = "0123456789*#ABCD"

// Code returns the event code of d, 0 to 15, and false when d is none.
func (d Digit) Code() (uint8, bool) {
	for i := range len(keys) {
		if keys[i] == byte(d) {
			return uint8(i), true
		}
	}
	return 0, false
}

// FromCode returns the digit of an event code; false for codes that are no digit.
func FromCode(code uint8) (Digit, bool) {
	if int(code) >= len(keys) {
		return 0, false
	}
	return Digit(keys[code]), true
}

// FromKey returns the digit that a letter names, in either case; false for
// letters that are no key.
func FromKey(b byte) (Digit, bool) {
	if b >= 'a' && b <= 'd' {
		b -= 'a' - 'A'
	}
	_, ok := Digit(b).Code()
	return Digit(b), ok
}
