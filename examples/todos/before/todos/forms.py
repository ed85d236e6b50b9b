from django import forms

from todos.models import Todo


class TodoForm(forms.ModelForm):
    class Meta:
        model = Todo
        fields = ["text", "due", "done"]

    def clean_text(self):
        text = self.cleaned_data["text"]
        if text.isupper():
            raise forms.ValidationError("Please do not shout.")
        return text


class PasteForm(forms.Form):
    """Many todos at once, one a line."""

    lines = forms.CharField(widget=forms.Textarea)
