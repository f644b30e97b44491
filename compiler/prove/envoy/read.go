package envoy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// dumped is the prefix of the types of what a dump is made of.
const dumped = "type.googleapis.com/envoy.admin.v3."

// Read reads a dump as it comes, and keeps nothing but whose it is and how calls to the pod are judged. Keys and certificates, of
// which a dump may have some, are passed over unread. The error is an *Error, or that of the reader.
func Read(name string, in io.Reader) (*Proxy, error) {
	d := &dump{decoder: json.NewDecoder(in), proxy: &Proxy{}}
	err := d.read()
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	var said *Error
	switch {
	case errors.As(err, &said):
		said.Name = name
		return nil, said
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{name, "it ends in the middle: take the dump again"}
	case errors.As(err, &syntax), errors.As(err, &wrong):
		return nil, &Error{name, "it is not what a proxy answers to /config_dump"}
	case err != nil:
		return nil, err
	}
	return d.proxy, nil
}

// dump is one that is being read.
type dump struct {
	decoder          *json.Decoder
	proxy            *Proxy
	reader           reader
	named, listeners bool // whether it was there
}

func (d *dump) read() error {
	err := d.object(func(field string) error {
		if field != "configs" {
			return d.skip()
		}
		return d.each(d.config)
	})
	if err != nil {
		return err
	}
	if !d.named || !d.listeners {
		return &Error{Message: "it is a part of a dump: take the whole, /config_dump without anything behind it"}
	}
	return nil
}

// config is one part of a dump, whose type stands first.
func (d *dump) config() error {
	kind := ""
	return d.object(func(field string) error {
		switch {
		case field == "@type":
			return d.decoder.Decode(&kind)
		case kind == dumped+"BootstrapConfigDump" && field == "bootstrap":
			return d.bootstrap()
		case kind == dumped+"ListenersConfigDump":
			if d.listeners = true; field == "dynamic_listeners" {
				return d.each(d.listener)
			}
		case kind == "":
			return &Error{Message: "it is not what a proxy answers to /config_dump"}
		}
		return d.skip()
	})
}

// bootstrap is where the proxy says who it is.
func (d *dump) bootstrap() error {
	var b struct {
		Node struct {
			ID       string
			Metadata struct {
				Namespace string `json:"NAMESPACE"`
				Name      string `json:"NAME"`
			}
		}
	}
	if err := d.decoder.Decode(&b); err != nil {
		return err
	}
	kind, _, _ := strings.Cut(b.Node.ID, "~")
	if kind != "sidecar" {
		d.proxy.Unknown = append(d.proxy.Unknown, "a proxy that is no sidecar")
	}
	d.proxy.Namespace, d.proxy.Pod = b.Node.Metadata.Namespace, b.Node.Metadata.Name
	if d.named = d.proxy.Namespace != "" && d.proxy.Pod != ""; !d.named {
		return &Error{Message: "it does not say which pod's it is, under node.metadata of the bootstrap"}
	}
	return nil
}

// listener is one listener: what is active of it, and what did not become so.
func (d *dump) listener() error {
	var l struct {
		Name         string          `json:"name"`
		ErrorState   json.RawMessage `json:"error_state"`
		WarmingState json.RawMessage `json:"warming_state"`
		ActiveState  *struct {
			Listener message `json:"listener"`
		} `json:"active_state"`
	}
	if err := d.decoder.Decode(&l); err != nil {
		return err
	}
	inbound := l.ActiveState != nil && l.ActiveState.Listener.text("traffic_direction") == "INBOUND"
	if inbound || l.Name == virtualInbound {
		d.proxy.Refused = d.proxy.Refused || l.ErrorState != nil
		d.proxy.Waiting = d.proxy.Waiting || l.WarmingState != nil
	}
	if !inbound {
		return nil
	}
	chains, err := d.reader.listener(l.ActiveState.Listener)
	var unknown *unknownError
	if errors.As(err, &unknown) {
		d.proxy.Unknown = append(d.proxy.Unknown, unknown.what)
		return nil
	}
	d.proxy.chains = append(d.proxy.chains, chains...)
	return err
}

// object reads an object, whose values field has to read.
func (d *dump) object(field func(string) error) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	for d.decoder.More() {
		name, err := d.decoder.Token()
		if err != nil {
			return err
		}
		if err := field(name.(string)); err != nil { // the decoder takes nothing else for the name of a field
			return err
		}
	}
	return d.delim('}')
}

// each reads a list, whose elements one has to read.
func (d *dump) each(one func() error) error {
	if err := d.delim('['); err != nil {
		return err
	}
	for d.decoder.More() {
		if err := one(); err != nil {
			return err
		}
	}
	return d.delim(']')
}

func (d *dump) delim(want json.Delim) error {
	t, err := d.decoder.Token()
	if err == nil && t != want {
		err = &Error{Message: "it is not what a proxy answers to /config_dump"}
	}
	return err
}

// skip passes over a value.
func (d *dump) skip() error {
	for depth := 0; ; {
		t, err := d.decoder.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
