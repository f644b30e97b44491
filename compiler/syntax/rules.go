package syntax

import "writ.dev/writ/compiler/diag"

// Rules is what Parse finds. All but one stop: a document that cannot be read grants nothing, and a part of an estate is not
// the estate.
var Rules = []*diag.Rule{
	unreadableYAML, notUTF8, controlCharacter, fileTooLarge, tooDeep, notAPlainFile, unreadableFile, noPolicies,
	duplicateKey, yamlFeature, rewrittenByYAML,
	unknownAPIVersion, unknownKind, unknownField, missingField, wrongType, unknownValue, wrongForm, wrongCount, listedTwice,
	fieldsClash, malformedIgnore, tooManyFindings,
}

var (
	unreadableYAML = &diag.Rule{
		Code: "SYN-001", Name: "unreadable-yaml", Effect: diag.Stop, Mends: true,
		Title: "a file is not YAML",
		Why:   "Nothing can be said about a document whose text has no structure.",
	}
	notUTF8 = &diag.Rule{
		Code: "SYN-002", Name: "not-utf8", Effect: diag.Stop,
		Title: "a file is not UTF-8",
		Why:   "Two readers of the same bytes must see the same names (https://yaml.org/spec/1.2.2/#52-character-encodings).",
	}
	controlCharacter = &diag.Rule{
		Code: "SYN-003", Name: "control-character", Effect: diag.Stop,
		Title: "a file has a character that a reviewer cannot see",
		Why:   "A control or direction character lets a text read otherwise than it is (https://trojansource.codes).",
	}
	fileTooLarge = &diag.Rule{
		Code: "SYN-004", Name: "file-too-large", Effect: diag.Stop,
		Title: "a file is larger than 1 MiB",
		Why:   "A bound keeps a stray file from taking the memory of a build.",
	}
	tooDeep = &diag.Rule{
		Code: "SYN-005", Name: "too-deep", Effect: diag.Stop,
		Title: "a document is more than 64 levels deep",
		Why:   "No kind needs a tenth of that, and a bound keeps hostile input from exhausting a build.",
	}
	notAPlainFile = &diag.Rule{
		Code: "SYN-006", Name: "not-a-plain-file", Effect: diag.Stop,
		Title: "something below policies/ is neither a plain file nor a folder",
		Why:   "Who owns a document follows from its path, and a symbolic link gives one text two paths.",
	}
	unreadableFile = &diag.Rule{
		Code: "SYN-007", Name: "unreadable-file", Effect: diag.Stop,
		Title: "a file or folder below policies/ cannot be read",
		Why:   "A part of an estate is not the estate: what a file that cannot be read says would be taken away.",
	}
	noPolicies = &diag.Rule{
		Code: "SYN-008", Name: "no-policies", Effect: diag.Stop,
		Title: "the folder policies/ holds no documents",
		Why:   "An empty estate would remove every manifest; a wrong folder is the likelier story.",
	}
	duplicateKey = &diag.Rule{
		Code: "SYN-009", Name: "duplicate-key", Effect: diag.Stop, Mends: true,
		Title: "a mapping has a key twice",
		Why:   "Readers of YAML differ in which of two values they take (https://yaml.org/spec/1.2.2/#mapping).",
	}
	yamlFeature = &diag.Rule{
		Code: "SYN-010", Name: "yaml-feature", Effect: diag.Stop,
		Title: "a document uses an anchor, an alias, a merge key, a tag or a directive",
		Why:   "A line means what stands on it: a reviewer of one line must not need the rest of the file.",
	}
	rewrittenByYAML = &diag.Rule{
		Code: "SYN-011", Name: "rewritten-by-yaml", Effect: diag.Stop, Mends: true,
		Title: "a number or a word is read by YAML otherwise than it is written",
		Why:   "1.30 is the number 1.3 and 0777 is 511; on, yes and no are truth values to YAML 1.1 (https://yaml.org/type/bool.html).",
	}
	unknownAPIVersion = &diag.Rule{
		Code: "SYN-012", Name: "unknown-api-version", Effect: diag.Stop, Mends: true,
		Title: "apiVersion is not " + APIVersion,
		Why:   "A later version of the language may give the same words another meaning.",
	}
	unknownKind = &diag.Rule{
		Code: "SYN-013", Name: "unknown-kind", Effect: diag.Stop, Mends: true,
		Title: "kind is missing or none that writ knows",
		Why:   "The kind says what a document is and what may stand in it.",
	}
	unknownField = &diag.Rule{
		Code: "SYN-014", Name: "unknown-field", Effect: diag.Stop, Mends: true,
		Title: "a document has a field that its kind does not have",
		Why:   "A misspelt field that is passed over takes away what its author believes to be there.",
	}
	missingField = &diag.Rule{
		Code: "SYN-015", Name: "missing-field", Effect: diag.Stop, Mends: true,
		Title: "a document lacks a field that its kind needs",
		Why:   "What has no safe default has to be said.",
	}
	wrongType = &diag.Rule{
		Code: "SYN-016", Name: "wrong-type", Effect: diag.Stop, Mends: true,
		Title: "a value is not of its field's type: text, a whole number, true or false, a list, a mapping",
		Why:   "Guessing what a value of another type was meant to be would grant what nobody wrote.",
	}
	unknownValue = &diag.Rule{
		Code: "SYN-017", Name: "unknown-value", Effect: diag.Stop, Mends: true,
		Title: "a field with a fixed set of values has another one",
		Why:   "A misspelt stage or protocol has no safe reading.",
	}
	wrongForm = &diag.Rule{
		Code: "SYN-018", Name: "wrong-form", Effect: diag.Stop, Mends: true,
		Title: "a name, date, path, address or number has not the form or range of its field",
		Why:   "Kubernetes and Istio refuse other forms, or read them as something else, like * in a method.",
	}
	wrongCount = &diag.Rule{
		Code: "SYN-019", Name: "wrong-count", Effect: diag.Stop,
		Title: "a list or mapping is written and empty",
		Why:   "An empty list is read as none by one and as all by another; leaving the field out is clear. Only gateways, and the callers of a Test's only, may be [].",
	}
	listedTwice = &diag.Rule{
		Code: "SYN-020", Name: "listed-twice", Effect: diag.Stop, Mends: true,
		Title: "a list names a thing twice",
		Why:   "The second one is a slip for something else, or will be forgotten when the first is removed.",
	}
	fieldsClash = &diag.Rule{
		Code: "SYN-021", Name: "fields-clash", Effect: diag.Stop,
		Title: "fields that exclude each other stand together",
		Why:   "Which of the two should hold is the author's to say.",
	}
	malformedIgnore = &diag.Rule{
		Code: "SYN-022", Name: "malformed-ignore", Effect: diag.Report,
		Title: "a writ:ignore comment has no code, end date or reason",
		Why:   "A silenced finding should say who accepts what until when; a comment that cannot be read silences nothing.",
	}
	tooManyFindings = &diag.Rule{
		Code: "SYN-023", Name: "too-many-findings", Effect: diag.Stop,
		Title: "a file has more findings than are shown",
		Why:   "Nobody reads more than a hundred at once, and a bound keeps a hostile file from filling memory and logs.",
	}
)
