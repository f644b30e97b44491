// Package wire is what the tests and the stand-ins in the pods say to each other, as lines of JSON.
package wire

import "time"

// Request is one request to be sent.
type Request struct {
	ID   int    `json:"id"`
	To   string `json:"to"` // address and port
	Host string `json:"host,omitempty"`
	// Proto is how: http1, http2, grpc, tcp; for what is kept open, websocket, grpc, tcp, or http2 for requests on one connection.
	Proto  string `json:"proto"`
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Identity is a folder with cert.pem, key.pem and root.pem, for a connection with mutual TLS that no sidecar makes. "" for a
	// connection in plaintext, which a sidecar may take and secure.
	Identity string `json:"identity,omitempty"`
	// From is the address that it comes from, with a port or without, "" for any of the pod's. SNI is the name of a server that the connection asks for.
	From string `json:"from,omitempty"`
	SNI  string `json:"sni,omitempty"`
	// Headers are further ones, by name.
	Headers map[string]string `json:"headers,omitempty"`
	// Fresh asks for a connection of its own for each request.
	Fresh bool `json:"fresh,omitempty"`
	// Case is sent as a header, so that the access log of whoever sees the request can be asked about it.
	Case string `json:"case,omitempty"`
}

// Answer is what became of a request.
type Answer struct {
	ID int `json:"id"`
	// By is the stand-in that answered, "" where none did. Redis does not say its name: its answers are by "redis".
	By string `json:"by,omitempty"`
	// Status is the HTTP status, and GRPC that of gRPC; 0 where there was no response.
	Status int    `json:"status,omitempty"`
	GRPC   string `json:"grpc,omitempty"`
	// Said is how the answer went on, or why there was none.
	Said string `json:"said,omitempty"`
	// Local is the client's end of the connection, "" where there was none.
	Local string `json:"local,omitempty"`
}

// Answered reports whether the application got the request.
func (a *Answer) Answered() bool { return a.By != "" }

// Stream is what became of one request that was sent again and again.
type Stream struct {
	Request
	Answered, Refused int
	// Said is the last answer that was none of the application's.
	Said Answer
	// Last is whether the last request was answered, and Changes are the times from which that was otherwise than before.
	Last    bool
	Changes []time.Time
}

// Check is a request that an external authorizer was asked about.
type Check struct {
	Provider string `json:"provider"`
	// Source is the client's end of the connection, and Case the header of that name; TCP has none.
	Source string `json:"source"`
	Case   string `json:"case,omitempty"`
}

// Held is how a stream does that is kept open.
type Held struct {
	ID     int `json:"id"`
	Echoes int `json:"echoes"`
	// Ended is why there are no more, or none; "" while it is open.
	Ended string `json:"ended,omitempty"`
}
