use super::*;
use crate::model::Image;

#[test]
fn object_with_the_key_of_numbers_is_ignored() {
    for value in [r#"7, "a": 1"#, r#""7", "a": 1"#, "{}", r#""", "b": [null]"#] {
        let body = format!(r#"{{ "link": {{ "{NUMBER}": {value} }}, "size_bytes": "9" }}"#);
        let mut image = Image::default();
        assert!(read(body.as_bytes(), &mut image).unwrap(), "{body}");
        assert_eq!(image.size_bytes, Some(9), "{body}");
    }
}
