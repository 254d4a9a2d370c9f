package sdp

// Parse reads a description. Errors are ErrMalformed and ErrTooLarge, wrapped
// with the number of the line.
func Parse(b []byte) (*Description, error) { return nil, ErrMalformed }

// Bytes writes the description as it goes on the wire.
func (d *Description) Bytes() []byte { return nil }

// Offer makes the description we offer.
func Offer(l Local) *Description { return &Description{} }

// Answer makes our answer to an offer and tells what was agreed. Errors are
// ErrNoAudio, ErrNoCommonCodec, ErrSecurityRequired, ErrSecurityRefused and
// ErrAddress.
func Answer(offer *Description, l Local) (*Description, Agreed, error) {
	return nil, Agreed{}, ErrNoAudio
}

// Accept tells what was agreed by another's answer to our offer. It may be
// called for every answer that comes. Errors are ErrAnswer, ErrRefused and those
// of Answer.
func Accept(l Local, offer, answer *Description) (Agreed, error) { return Agreed{}, ErrAnswer }
