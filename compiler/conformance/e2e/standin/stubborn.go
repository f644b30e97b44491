package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// openStubborn sends one request of HTTP/2 after the other on one connection for as long as it is there, whatever the other side says of
// its end: GOAWAY is passed over.
func openStubborn(r *wire.Request) (func() error, error) {
	c, err := dial(r)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return nil, err
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := f.WriteSettings(); err != nil {
		return nil, err
	}
	var block bytes.Buffer
	headers := hpack.NewEncoder(&block)
	stream := uint32(1)
	return func() error {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		block.Reset()
		for _, h := range [][2]string{{":method", r.Method}, {":scheme", "http"}, {":authority", r.Host}, {":path", r.Path}} {
			if err := headers.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
				return err
			}
		}
		if err := f.WriteHeaders(http2.HeadersFrameParam{
			StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
		}); err != nil {
			return err
		}
		err := answerTo(f, stream)
		stream += 2
		return err
	}, nil
}

// answerTo reads up to the end of the answer on a stream.
func answerTo(f *http2.Framer, stream uint32) error {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = f.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				err = f.WritePing(true, frame.Data)
			}
		case *http2.MetaHeadersFrame:
			if status := frame.PseudoValue("status"); status != "200" {
				err = fmt.Errorf("status %s", status)
			}
		case *http2.DataFrame:
			if n := len(frame.Data()); n > 0 {
				err = f.WriteWindowUpdate(0, uint32(n)) //nolint:gosec // a frame has 24 bits of length
			}
			if frame.StreamID == stream && frame.StreamEnded() {
				return err
			}
		case *http2.RSTStreamFrame:
			err = fmt.Errorf("stream reset: %s", frame.ErrCode)
		}
		if err != nil {
			return err
		}
	}
}
