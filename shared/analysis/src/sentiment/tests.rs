use super::*;

/// Texts with the negative, neutral and positive share and the compound score which the reference gives them.
const REFERENCE: &[(&str, [f64; 4])] = &[
    ("The harbour walk is lovely.", [0.0, 0.513, 0.487, 0.5859]),
    ("The harbour walk is lovely!!!", [0.0, 0.461, 0.539, 0.6884]),
    ("The harbour walk is LOVELY", [0.0, 0.469, 0.531, 0.6739]),
    ("THE HARBOUR WALK IS LOVELY", [0.0, 0.513, 0.487, 0.5859]),
    ("The tram is VERY slow and awful", [0.395, 0.605, 0.0, -0.6025]),
    ("The new bridge is sort of nice", [0.0, 0.705, 0.295, 0.3626]),
    ("The new bridge is kind of nice, I suppose", [0.0, 0.761, 0.239, 0.3626]),
    ("It was a kind gesture", [0.0, 0.541, 0.459, 0.5267]),
    ("Kind of a failure", [0.524, 0.476, 0.0, -0.5106]),
    ("The pool isn't bad", [0.0, 0.513, 0.487, 0.431]),
    ("The pool was never so good", [0.0, 0.53, 0.47, 0.6626]),
    ("The pool was never this good", [0.0, 0.557, 0.443, 0.6084]),
    ("It has never been good", [0.376, 0.624, 0.0, -0.3412]),
    ("Without a doubt a terrible plan", [0.337, 0.434, 0.229, -0.2477]),
    ("without doubt a brilliant plan", [0.0, 0.337, 0.663, 0.7105]),
    ("The least friendly clerk of all", [0.345, 0.655, 0.0, -0.3875]),
    ("At least they were friendly", [0.0, 0.556, 0.444, 0.4939]),
    ("the very least helpful clerk", [0.0, 0.565, 0.435, 0.4728]),
    ("least happy", [0.75, 0.25, 0.0, -0.4585]),
    ("No problems with the ferry", [0.0, 0.639, 0.361, 0.3089]),
    ("no", [1.0, 0.0, 0.0, -0.296]),
    ("There is no love or joy left", [0.563, 0.437, 0.0, -0.7536]),
    ("There is no hope nor joy left", [0.242, 0.503, 0.255, 0.0328]),
    ("The roof leaks but the view is wonderful", [0.0, 0.581, 0.419, 0.7227]),
    ("Great plan, but nobody was happy, and the cost was a disaster", [0.254, 0.404, 0.342, 0.2382]),
    ("My evening there was the shit", [0.0, 0.556, 0.444, 0.6124]),
    ("The new stadium is the bomb", [0.0, 0.556, 0.444, 0.6124]),
    ("She is a bad ass rower", [0.0, 0.444, 0.556, 0.6124]),
    ("That pie is to die for", [0.438, 0.562, 0.0, -0.5994]),
    ("It was the kiss of death for the fair", [0.376, 0.451, 0.173, -0.4019]),
    ("The beating heart of the town", [0.268, 0.357, 0.375, 0.296]),
    ("He was very sad there at the bus stop", [0.298, 0.702, 0.0, -0.5256]),
    ("Oh sure, yeah right, that is great", [0.0, 0.317, 0.683, 0.8225]),
    ("Is it safe??", [0.0, 0.38, 0.62, 0.504]),
    ("Is it safe????", [0.0, 0.341, 0.659, 0.594]),
    ("What a mess!?!?!?", [0.662, 0.338, 0.0, -0.6015]),
    ("The crew was happy :)", [0.0, 0.309, 0.691, 0.7717]),
    ("The crew left :( early", [0.42, 0.58, 0.0, -0.4404]),
    ("Ferry day 😀", [0.0, 0.545, 0.455, 0.3612]),
    ("Sad news😢😢", [0.756, 0.244, 0.0, -0.8519]),
    ("We love it so much", [0.0, 0.488, 0.512, 0.6369]),
    ("They don't trust him", [0.474, 0.526, 0.0, -0.4023]),
    ("I wouldn't say it was good", [0.0, 0.633, 0.367, 0.4404]),
    ("hardly any pain", [0.602, 0.398, 0.0, -0.4627]),
    ("nothing about it was fun", [0.0, 0.548, 0.452, 0.5106]),
    ("", [0.0, 0.0, 0.0, 0.0]),
    ("...", [0.0, 1.0, 0.0, 0.0]),
    ("The table stands there", [0.0, 1.0, 0.0, 0.0]),
    ("GOOD and bad, GOOD and bad", [0.43, 0.123, 0.447, 0.0685]),
    ("isn’t good", [0.0, 0.256, 0.744, 0.4404]),
    ("so this good thing", [0.0, 0.486, 0.514, 0.4902]),
    ("most incredibly, utterly DREADFUL weather!!", [0.558, 0.442, 0.0, -0.7229]),
];

#[test]
fn agrees_with_the_reference() {
    for (text, expected) in REFERENCE {
        let found = scores(text);
        assert_eq!([found.negative, found.neutral, found.positive, found.compound], *expected, "{text}");
        assert_eq!(compound(text), expected[3]);
    }
}

#[test]
fn a_whole_talk_is_scored_as_one_sentence() {
    let text = "The wall is good but the road is awful and nobody is happy. ".repeat(500);
    let expected = Scores { negative: 0.175, neutral: 0.437, positive: 0.389, compound: 1.0 };
    assert_eq!(scores(&text), expected);
}
