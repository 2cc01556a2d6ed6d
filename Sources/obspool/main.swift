print("obspool")
