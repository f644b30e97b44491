package emit

// File is one file of the output: Path is slash-separated and relative to the output folder, like
// eu-1/shop/authorizationpolicy-checkout.yaml.
type File struct {
	Path string
	Data []byte
}
